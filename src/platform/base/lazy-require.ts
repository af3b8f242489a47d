import { createRequire } from 'node:module'

/** Loads a package by its CommonJS entry, where an `import` would bring along what nobody uses. */
export const require: NodeJS.Require = createRequire(import.meta.url)
