import { registerHooks } from 'node:module'

const root = new URL('../../', import.meta.url).href

/**
 * Resolves each `import './x.ts'` between files of this program without looking at the disk. For each of 330 files, Node would
 * otherwise look for the file, for links in its path, and for a `package.json` that says what it is: a sixth of the start.
 *
 * Resolve hooks of `--import` do not see these imports; load hooks do. Between other files, Node resolves as always: they may be
 * links, or CommonJS.
 */
export const resolveOwnFiles = (): void => {
  registerHooks({
    resolve: (specifier, context, next) => {
      const { parentURL } = context
      const isOwn =
        specifier.startsWith('.') &&
        specifier.endsWith('.ts') &&
        parentURL?.startsWith(root) &&
        parentURL.endsWith('.ts')
      if (!isOwn) return next(specifier, context)
      return { url: new URL(specifier, parentURL).href, format: 'module-typescript', shortCircuit: true }
    },
  })
}
