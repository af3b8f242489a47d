import { join } from 'node:path'
import { type Locales, openLocales } from './locales.ts'
import type { Values } from './template.ts'
import { isFile, isReadable, languagesIn, readText } from './template-files.ts'

// Templates and words of emails and pages. `templates/` holds ours, with one folder for each language. A template in
// TEMPLATES_DIR replaces ours of the same name, and each of its words replaces our word.

/** The folder of our own templates, as an absolute path. */
export const ownTemplates = join(import.meta.dirname, '../../../templates')

export type Templates = {
  readonly locales: Locales
  /** The text of a template such as `layout.mjml`. */
  source: (name: string) => string
  /** The words of `<locale>/<name>.json`. */
  words: (locale: string, name: string) => Values
}

/** `es`, then `es-MX`: a regional language needs only the words that differ. */
const parentsFirst = (locale: string): string[] =>
  locale.split('-').map((_, at, parts) => parts.slice(0, at + 1).join('-'))

/**
 * Opens our templates, with those of another folder over them. Each file is read once, at its first use. A missing folder is
 * ignored: the API and the worker do not start without it, and commands of an operator render no email.
 */
export const openTemplates = (folder: string | undefined): Templates => {
  const folders = [ownTemplates, ...(folder !== undefined && isReadable(folder) ? [folder] : [])]
  const languages = folders.map(languagesIn)
  const read = new Map<string, string | Values>()
  const cached = <T extends string | Values>(key: string, make: () => T): T => {
    const value = (read.get(key) as T | undefined) ?? make()
    read.set(key, value)
    return value
  }
  const wordsOf = (locale: string, name: string): Values => {
    const files = parentsFirst(locale).flatMap(tag =>
      languages.flatMap(foldersByTag => {
        const folder = foldersByTag.get(tag)
        return folder === undefined ? [] : [join(folder, `${name}.json`)]
      }),
    )
    const all: Values[] = files.filter(isFile).map(file => JSON.parse(readText(file)))
    return Object.fromEntries(all.flatMap(Object.entries))
  }
  return {
    locales: openLocales([...new Set(languages.flatMap(foldersByTag => [...foldersByTag.keys()]))]),
    source: name =>
      cached(name, () => {
        const file = folders.map(each => join(each, name)).findLast(isFile)
        return readText(file ?? join(ownTemplates, name))
      }),
    words: (locale, name) => cached(`${locale}/${name}`, () => wordsOf(locale, name)),
  }
}
