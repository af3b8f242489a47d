import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { EmailDefinition } from '../catalog/email-definition.ts'

// Which files a folder of templates may hold, and how they are read.

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

/** Whether a folder is there, and its files can be listed. */
export const isReadable = (folder: string): boolean => {
  try {
    readdirSync(folder)
    return true
  } catch {
    return false
  }
}

/** What a folder holds. Kubernetes mounts a folder with names of its own, which begin with a dot. */
export const listed = (folder: string): string[] =>
  readdirSync(folder)
    .filter(name => !name.startsWith('.'))
    .sort()

/** Folders that hold words, whatever they are called. */
export const wordFolders = (folder: string): string[] =>
  listed(folder).filter(
    name =>
      isFolder(join(folder, name)) &&
      listed(join(folder, name)).some(file => /\.(json|mjml|txt)$/.test(file)),
  )

/** The language that a folder is named after, as a BCP 47 tag in its usual form; null where the name is none. */
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

/** The text of a file. Editors on Windows begin it with a byte order mark and end its lines in their own way. */
export const readText = (path: string): string =>
  readFileSync(path, 'utf8')
    .replace(/^\uFEFF/, '')
    .replaceAll('\r\n', '\n')
