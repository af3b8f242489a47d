import { join } from 'node:path'
import { type Locales, openLocales } from './locales.ts'
import type { Values } from './template.ts'
import { isFile, isReadable, languagesIn, readText } from './template-files.ts'

// The look and the words of emails and pages. `templates/` holds ours, one folder a language. A file of the same name
// in TEMPLATES_DIR takes the place of a template, and its words take the place of ours one by one.

/** The folder of our own templates, as an absolute path. */
export const ownTemplates = join(import.meta.dirname, '../../../templates')

export type Templates = {
  readonly locales: Locales
  /** The text of a template such as `layout.mjml`. */
  source: (name: string) => string
  /** The words of `<locale>/<name>.json`. */
  words: (locale: string, name: string) => Values
}

/** A regional language such as `es-MX` needs only the words that differ: the others come from `es`. */
const parentsFirst = (locale: string): string[] =>
  locale.split('-').map((_, at, parts) => parts.slice(0, at + 1).join('-'))

/**
 * Opens our templates, with those of another folder over them. Files are read once, when they are first used. A missing
 * folder is ignored: the API and the worker refuse to start without it, and an operator's command renders no email.
 */
export const openTemplates = (folder: string | undefined): Templates => {
  const folders = [ownTemplates, ...(folder !== undefined && isReadable(folder) ? [folder] : [])]
  const languages = folders.map(languagesIn)
  const read = new Map<string, string | Values>()
  const kept = <T extends string | Values>(key: string, make: () => T): T => {
    const value = (read.get(key) as T | undefined) ?? make()
    read.set(key, value)
    return value
  }
  const wordsOf = (locale: string, name: string): Values => {
    const files = parentsFirst(locale).flatMap(tag =>
      languages.flatMap(places => {
        const place = places.get(tag)
        return place === undefined ? [] : [join(place, `${name}.json`)]
      }),
    )
    const all: Values[] = files.filter(isFile).map(file => JSON.parse(readText(file)))
    return Object.fromEntries(all.flatMap(Object.entries))
  }
  return {
    locales: openLocales([...new Set(languages.flatMap(places => [...places.keys()]))]),
    source: name =>
      kept(name, () => {
        const file = folders.map(place => join(place, name)).findLast(isFile)
        return readText(file ?? join(ownTemplates, name))
      }),
    words: (locale, name) => kept(`${locale}/${name}`, () => wordsOf(locale, name)),
  }
}
