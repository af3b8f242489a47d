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

/** Every file of a checkout that matches these globs. `code` is the text without its comments. */
export const sourcesIn = (folder: string, ...patterns: string[]): Source[] =>
  globSync(patterns, { cwd: folder })
    .filter(path => statSync(join(folder, path)).isFile())
    .map(path => path.replaceAll('\\', '/'))
    .sort()
    .map(path => {
      const text = readFileSync(join(folder, path), 'utf8')
      return { path, text, code: withoutComments(text), lines: text.trimEnd().split('\n').length }
    })

/** Every file of this checkout that matches these globs. */
export const sources = (...patterns: string[]): Source[] => sourcesIn(root, ...patterns)

/** The files that a file reaches: imports, `import type`, `import()`, and files that it names for a thread. */
export const reached = ({ path, code }: Source): string[] =>
  [...code.matchAll(/['"`](\.{1,2}\/[^'"`\n]+\.ts)['"`]/g)].map(([, to = '']) =>
    posix.join(posix.dirname(path), to),
  )
