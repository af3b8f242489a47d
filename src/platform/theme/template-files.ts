import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { EmailDefinition } from '../catalog/email-definition.ts'

// The files that a folder of templates may hold, and how to read them.

/** Templates, at the top of the folder. */
export const templateNames = (emails: readonly EmailDefinition[]): string[] =>
  ['layout', ...emails.map(({ kind }) => kind)].flatMap(name => [`${name}.mjml`, `${name}.txt`])

/** Words, in the folder of their language. */
export const wordNames = (emails: readonly EmailDefinition[]): string[] => [
  ...['layout', 'pages', 'durations'],
  ...emails.map(({ kind }) => kind),
]

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

export const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false

/** Whether a folder exists and its files can be listed. */
export const isReadable = (folder: string): boolean => {
  try {
    readdirSync(folder)
    return true
  } catch {
    return false
  }
}

/** The names in a folder, without those that begin with a dot: Kubernetes adds such names to a mounted folder. */
export const listed = (folder: string): string[] =>
  readdirSync(folder)
    .filter(name => !name.startsWith('.'))
    .sort()

/** The folders that hold words, under any name. */
export const wordFolders = (folder: string): string[] =>
  listed(folder).filter(
    name =>
      isFolder(join(folder, name)) &&
      listed(join(folder, name)).some(file => /\.(json|mjml|txt)$/.test(file)),
  )

/** The language that a folder is named after, as a canonical BCP 47 tag. Null if the name is not a language. */
export const languageOf = (name: string): string | null => {
  try {
    return Intl.getCanonicalLocales(name)[0] ?? null
  } catch {
    return null
  }
}

/** The folders of languages in a folder of templates, by their tag. */
export const languagesIn = (folder: string): ReadonlyMap<string, string> =>
  new Map(
    wordFolders(folder).flatMap(name => {
      const language = languageOf(name)
      return language === null ? [] : [[language, join(folder, name)] as const]
    }),
  )

/** The text of a file, without the byte order mark and the CRLF line ends of Windows editors. */
export const readText = (path: string): string =>
  readFileSync(path, 'utf8')
    .replace(/^\uFEFF/, '')
    .replaceAll('\r\n', '\n')
