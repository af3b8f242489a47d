import { createRequire } from 'node:module'

/** Loads a package by its CommonJS entry. An `import` would also load parts that are never used. */
export const require: NodeJS.Require = createRequire(import.meta.url)
