// The levels of folders, and the layers of files inside a folder. The path alone decides both.

const levelNames = ['guard', 'platform', 'features', 'shop', 'processes'] as const
export type Level = (typeof levelNames)[number]

const levels: readonly (readonly [RegExp, Level])[] = [
  [/^packages\/guard\//, 'guard'],
  [/^platform\/|^(deps|module)\.ts$/, 'platform'],
  [/^features\//, 'features'],
  [/^shop\//, 'shop'],
  [/^(processes|dev-services|guard)\/|^\w+\.ts$/, 'processes'],
]

/** The level of a file of `src/` or `packages/`; null where its path names none. `packages/client` has none. */
export const levelOf = (path: string): Level | null => {
  const inside = path.replace(/^src\//, '')
  return levels.find(([shape]) => shape.test(inside))?.[1] ?? null
}

/** How high a level lies. Imports go down or stay. */
export const levelHeight = (level: Level): number => levelNames.indexOf(level)

const layerNames = ['pure', 'stores', 'verbs', 'routes', 'processes'] as const
export type Layer = (typeof layerNames)[number]

const layers: readonly (readonly [RegExp, Layer])[] = [
  [/^(processes|dev-services|shop\/gateway-stub)\/|^\w+\.ts$(?<!^(deps|module)\.ts)/, 'processes'],
  [/^platform\/(base|catalog|config|crypto|theme)\/|^shop\/catalog\/|^packages\/guard\/src\//, 'pure'],
  [/^platform\/(postgres|redis|limits|metrics|mail)\/|^deps\.ts$/, 'stores'],
  [/^(platform\/(http|pages|api-docs|health)|guard)\/|^(shop\/)?module\.ts$/, 'routes'],
  [/\/(types|changes|([a-z]+-)?schemas|([a-z]+-)?examples|view|last-admin)\.ts$/, 'pure'],
  [
    /\/(user-state|refresh-token|limits|attempt-counter|user-agent|device-id|recovery-codes|totp|ceremony|evidence|authentication|second-step|mfa-token|login-token|challenge-token)\.ts$/,
    'pure',
  ],
  [/\/(entity|([a-z]+-)?store)\.ts$/, 'stores'],
  [
    /\/(([a-z]+-)?routes|authenticate(-[a-z]+)?|authorize(-[a-z]+)?|presented-refresh-token|token-transport|refuse-credentials|route)\.ts$/,
    'routes',
  ],
  [/^(features|shop)\/[a-z-]+\/[a-z-]+\.ts$/, 'verbs'],
]

/** The layer of a file of `src/` or of the guard; null where its path names none. */
export const layerOf = (path: string): Layer | null => {
  const inside = path.replace(/^src\//, '')
  return layers.find(([shape]) => shape.test(inside))?.[1] ?? null
}

/** How high a layer lies. Imports go down or stay. */
export const layerHeight = (layer: Layer): number => layerNames.indexOf(layer)
