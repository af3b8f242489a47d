import { join } from 'node:path'
import { nearName } from '../base/near-name.ts'
import type { EmailDefinition } from '../catalog/email-definition.ts'
import { brandNames } from './brand-values.ts'
import { namesIn } from './template.ts'
import { languageOf, listed, readText, templateNames, wordFolders, wordNames } from './template-files.ts'

// Finds the errors of an operator's own templates at start. An error found only when an email is rendered would delay
// that email.

const partsOfLayout: Record<string, readonly string[]> = {
  'layout.mjml': ['header', 'content', 'contact'],
  'layout.txt': ['content', 'signature'],
}

const quoted = (names: readonly string[]): string[] => names.map(name => `{{${name}}}`)

const placeholderErrors = (emails: readonly EmailDefinition[], file: string, text: string): string[] => {
  const name = file.replace(/\.\w+$/, '')
  const email = emails.find(({ kind }) => kind === name)
  const own = email ? [...email.variables, 'greeting'] : (partsOfLayout[file] ?? [])
  const known = [...own, ...brandNames]
  const { placeholders } = namesIn(text)
  const unknown = placeholders.filter(each => !known.includes(each))
  const needed = email ? (email.token ? ['link', 'code'] : []) : ['content']
  return [
    ...(unknown.length > 0
      ? [`${quoted(unknown).join(', ')}: only ${quoted(known).join(', ')} can be filled in here`]
      : []),
    ...(needed.length === 0 || needed.some(each => placeholders.includes(each))
      ? []
      : [`${quoted(needed).join(' or ')} is missing`]),
  ]
}

const element = /<!--[\s\S]*?-->|<(\/?)(mj[\w-]*)(?:\s[^>]*?)?(\/?)>/g

/** Finds an element that is not closed. MJML would take it for the parent of all that follows, and leave that out. */
const nestingErrors = (file: string, text: string): string[] => {
  if (!file.endsWith('.mjml')) return []
  const open: { name: string; line: number }[] = []
  for (const { 0: whole, 1: closing, 2: name, 3: isEmpty, index } of text.matchAll(element)) {
    if (!name || isEmpty) continue
    const line = text.slice(0, index).split('\n').length
    if (!closing) open.push({ name, line })
    else if (open.pop()?.name !== name) return [`line ${line}: ${whole} closes no element that is open`]
  }
  return open.slice(-1).map(({ name, line }) => `line ${line}: <${name}> is not closed`)
}

/** The text of a file, or null if it cannot be read. */
export const readableText = (path: string): string | null => {
  try {
    return readText(path)
  } catch {
    return null
  }
}

/** A question to append to an error about an unknown name. */
export const didYouMean = (given: string, names: readonly string[]): string => {
  const near = nearName(given, names)
  return near ? ` Did you mean ${near}?` : ''
}

const isTemplateLike = (file: string): boolean => /\.(mjml|txt|json)$/.test(file)

const nameErrors = (folder: string, emails: readonly EmailDefinition[]): string[] => {
  const templates = templateNames(emails)
  const top = listed(folder)
    .filter(file => isTemplateLike(file) && !templates.includes(file))
    .map(file =>
      file.endsWith('.json')
        ? `${file}: words belong in the folder of their language, such as en/${file}`
        : `${file}: there is no template of this name.${didYouMean(file, templates)}`,
    )
  const words = wordNames(emails).map(name => `${name}.json`)
  const inside = wordFolders(folder).flatMap(name => {
    if (languageOf(name) === null)
      return [`${name}: a folder of words is named after its language, such as es or pt-BR`]
    return listed(join(folder, name))
      .filter(file => isTemplateLike(file) && !words.includes(file))
      .map(file => `${name}/${file}: there are no words of this name.${didYouMean(file, words)}`)
  })
  return [...top, ...inside]
}

/** The errors in the names and the templates of a folder, each with its file. */
export const templateErrors = (folder: string, emails: readonly EmailDefinition[]): string[] => [
  ...nameErrors(folder, emails),
  ...listed(folder)
    .filter(file => templateNames(emails).includes(file))
    .flatMap(file => {
      const text = readableText(join(folder, file))
      if (text === null) return [`${file}: cannot be read`]
      const errors = [...placeholderErrors(emails, file, text), ...nestingErrors(file, text)]
      return errors.map(error => `${file}: ${error}`)
    }),
]
