import { registerHooks } from 'node:module'

/**
 * Resolves each `import './x.ts'` of a file of this program without looking at the disk. For each of 330 files, Node would
 * otherwise look for the file, for links in its path, and for a `package.json` that says what it is: a sixth of the start.
 */
export const resolveOwnFiles = (): void => {
  registerHooks({
    resolve: (specifier, context, next) => {
      const { parentURL } = context
      const isOwn = specifier.startsWith('.') && specifier.endsWith('.ts') && parentURL?.endsWith('.ts')
      if (!isOwn) return next(specifier, context)
      return { url: new URL(specifier, parentURL).href, format: 'module-typescript', shortCircuit: true }
    },
  })
}
