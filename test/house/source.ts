import { globSync, readFileSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'

/** A file of the product: `path` is relative to the top folder, with slashes. */
export type Source = { path: string; text: string; code: string; lines: number }

/** The top folder. */
export const root = join(import.meta.dirname, '../..')

// Comments may say what code must not do. Strings stay: an address with `//` in it is no comment.
const token = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|\/\*[\s\S]*?\*\/|(?<![:\\])\/\/[^\n]*/g
const withoutComments = (text: string): string =>
  text.replace(token, found => (found.startsWith('/') ? '' : found))

/** Every file of these shapes. `code` is the text without its comments. */
export const sources = (...patterns: string[]): Source[] =>
  globSync(patterns, { cwd: root })
    .filter(path => statSync(join(root, path)).isFile())
    .map(path => path.replaceAll('\\', '/'))
    .sort()
    .map(path => {
      const text = readFileSync(join(root, path), 'utf8')
      return { path, text, code: withoutComments(text), lines: text.trimEnd().split('\n').length }
    })

/** The files of ours that a file reaches: imports, `import type`, `import()`, and files that it names for a thread. */
export const reached = ({ path, code }: Source): string[] =>
  [...code.matchAll(/['"`](\.{1,2}\/[^'"`\n]+\.ts)['"`]/g)].map(([, to = '']) =>
    posix.join(posix.dirname(path), to),
  )

const floorNames = ['ground', 'stores', 'flows', 'routes', 'processes'] as const
export type Floor = (typeof floorNames)[number]

/** How high a floor lies: 0 is the ground. */
export const height = (floor: Floor): number => floorNames.indexOf(floor)

const floors: readonly (readonly [RegExp, Floor])[] = [
  [/^(api|worker|migrate|dev|cli)\.ts$|^(api|local|cli)\//, 'processes'],
  [/^(base|crypto)\/|^\w+\/rules\.ts$/, 'ground'],
  [/^(entities|deps)\.ts$|^storage\/|^\w+\/(entity|store)\.ts$/, 'stores'],
  [/^(routes|chores)\.ts$|^(http|guard)\/|^\w+\/([a-z]+-)?routes\.ts$/, 'routes'],
  [/^\w+\/[a-z-]+\.ts$/, 'flows'],
]

/** The floor of a file of `src/`, which its name tells; null where it tells none. */
export const floorOf = (path: string): Floor | null => {
  const inside = path.replace(/^src\//, '')
  return floors.find(([shape]) => shape.test(inside))?.[1] ?? null
}
