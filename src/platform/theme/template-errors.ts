import { join } from 'node:path'
import { nearName } from '../base/near-name.ts'
import { type EmailKind, emailKinds, emails } from '../catalog/emails.ts'
import { brandNames } from './brand-values.ts'
import { namesIn } from './template.ts'
import { languageOf, listed, readText, templateNames, wordFolders, wordNames } from './template-files.ts'

// What is wrong with the operator's own templates. It is told at start: a fault that shows when an email is rendered
// would hold that email back.

export const isKind = (name: string): name is EmailKind => emailKinds.some(kind => kind === name)

const partsOfLayout: Record<string, readonly string[]> = {
  'layout.mjml': ['header', 'content', 'contact'],
  'layout.txt': ['content', 'signature'],
}

const named = (holes: readonly string[]): string => holes.map(hole => `{{${hole}}}`).join(', ')

const holeFaults = (file: string, text: string): string[] => {
  const name = file.replace(/\.\w+$/, '')
  const own = isKind(name) ? [...emails[name].vars, 'greeting'] : (partsOfLayout[file] ?? [])
  const known = [...own, ...brandNames]
  const { holes } = namesIn(text)
  const unknown = holes.filter(hole => !known.includes(hole))
  const needed = isKind(name) ? ('proof' in emails[name] ? ['link', 'code'] : []) : ['content']
  return [
    ...(unknown.length > 0 ? [`${named(unknown)}: only ${named(known)} can be filled in here`] : []),
    ...(needed.length === 0 || needed.some(hole => holes.includes(hole))
      ? []
      : [`${needed.map(hole => `{{${hole}}}`).join(' or ')} is missing`]),
  ]
}

const element = /<!--[\s\S]*?-->|<(\/?)(mj[\w-]*)(?:\s[^>]*?)?(\/?)>/g

/** An element that is not closed. MJML would take it for the parent of all that follows, and leave that out. */
const nestingFaults = (file: string, text: string): string[] => {
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

/** The text of a file, or null where it cannot be read. */
export const readable = (path: string): string | null => {
  try {
    return readText(path)
  } catch {
    return null
  }
}

export const meant = (given: string, names: readonly string[]): string => {
  const near = nearName(given, names)
  return near ? ` Did you mean ${near}?` : ''
}

const isTemplateLike = (file: string): boolean => /\.(mjml|txt|json)$/.test(file)

const nameFaults = (folder: string): string[] => {
  const top = listed(folder)
    .filter(file => isTemplateLike(file) && !templateNames.includes(file))
    .map(file =>
      file.endsWith('.json')
        ? `${file}: words stand in the folder of their language, such as en/${file}`
        : `${file}: there is no template of this name.${meant(file, templateNames)}`,
    )
  const words = wordNames.map(name => `${name}.json`)
  const inside = wordFolders(folder).flatMap(name => {
    if (languageOf(name) === null)
      return [`${name}: a folder of words is named after its language, such as es or pt-BR`]
    return listed(join(folder, name))
      .filter(file => isTemplateLike(file) && !words.includes(file))
      .map(file => `${name}/${file}: there are no words of this name.${meant(file, words)}`)
  })
  return [...top, ...inside]
}

/** The faults of names and templates in a folder, each with the file that it is in. */
export const templateFaults = (folder: string): string[] => [
  ...nameFaults(folder),
  ...listed(folder)
    .filter(file => templateNames.includes(file))
    .flatMap(file => {
      const text = readable(join(folder, file))
      if (text === null) return [`${file}: cannot be read`]
      return [...holeFaults(file, text), ...nestingFaults(file, text)].map(fault => `${file}: ${fault}`)
    }),
]
