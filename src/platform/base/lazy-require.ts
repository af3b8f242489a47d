import { createRequire, Module } from 'node:module'

/** Loads a package by its CommonJS entry. An `import` would also load parts that are never used. */
export const require: NodeJS.Require = createRequire(import.meta.url)

/** Gives these exports to every package that requires this file from now on, so that the file is never loaded. */
export const replaceModule = (path: string, exports: unknown): void => {
  require.cache[path] ??= Object.assign(new Module(path), { filename: path, loaded: true, exports })
}
