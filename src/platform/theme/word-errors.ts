import { join } from 'node:path'
import * as v from 'valibot'
import { emails } from '../catalog/emails.ts'
import { brandNames } from './brand-values.ts'
import { namesIn, type Values } from './template.ts'
import { isKind, meant, readable } from './template-errors.ts'
import { languagesIn, listed, wordNames } from './template-files.ts'
import { openTemplates, type Templates } from './templates.ts'

// What is wrong with the operator's own words. It is told at start, as for templates.

const wordsSchema = v.pipe(
  v.unknown(),
  v.check(value => !Array.isArray(value)),
  v.record(v.string(), v.pipe(v.string(), v.trim(), v.nonEmpty())),
)
const durationName = /^(minutes|hours|days)_(zero|one|two|few|many|other)$/

/** Words that the service fills in by itself: `{{t.dir}}` and so on. */
const ownWords: readonly string[] = [
  ...['locale', 'dir', 'start', 'fill', 'on_fill', 'edge', 'accent'],
  ...['dark_fill', 'dark_on_fill', 'dark_edge', 'dark_accent'],
]

/** The words that templates in force name. */
const usedWords = (templates: Templates, name: string): string[] => {
  if (!isKind(name)) return []
  const texts = ['layout.mjml', 'layout.txt', `${name}.mjml`, `${name}.txt`].map(templates.source)
  return namesIn(texts.join('\n')).words.filter(word => !ownWords.includes(word))
}

const english = openTemplates(undefined)

/** What may stand in `{{…}}` of a word. */
const holesOf = (name: string, word: string): readonly string[] => {
  if (name === 'durations') return ['count']
  if (isKind(name)) return [...emails[name].vars, ...brandNames]
  return [...namesIn(english.words('en', name)[word] ?? '').holes, ...brandNames]
}

const parseFault = (error: unknown): string => {
  const [place] = /line \d+ column \d+/.exec(error instanceof Error ? error.message : '') ?? []
  return `is not JSON${place ? ` (${place})` : ''}`
}

const read = (path: string): { words: Values } | { fault: string } => {
  const text = readable(path)
  if (text === null) return { fault: 'cannot be read' }
  try {
    const parsed = v.safeParse(wordsSchema, JSON.parse(text))
    if (parsed.success) return { words: JSON.parse(text) }
    const word = v.getDotPath(parsed.issues[0])
    return { fault: word ? `"${word}" must be a text that is not empty` : 'must be an object of words' }
  } catch (error) {
    return { fault: parseFault(error) }
  }
}

const faultsOfWords = (templates: Templates, name: string, words: Values): string[] => {
  const known = [...new Set([...Object.keys(english.words('en', name)), ...usedWords(templates, name)])]
  const isKnown = (word: string) => (name === 'durations' ? durationName.test(word) : known.includes(word))
  return Object.entries(words).flatMap(([word, text]) => {
    if (!isKnown(word)) return [`there is no word "${word}".${meant(word, known)}`]
    const unknown = namesIn(`${text}`).holes.filter(hole => !holesOf(name, word).includes(hole))
    return unknown.map(hole => `"${word}": {{${hole}}} cannot be filled in here`)
  })
}

/** Words that a language lacks. Our languages lack only words that a template of the operator added. */
const missingWords = (templates: Templates, locale: string): string[] =>
  wordNames.flatMap(name => {
    const needed =
      name === 'durations'
        ? ['minutes_other', 'hours_other', 'days_other']
        : [...Object.keys(english.words('en', name)), ...usedWords(templates, name)]
    // Templates of every email may use the words of the layout.
    const found = { ...templates.words(locale, 'layout'), ...templates.words(locale, name) }
    const missing = [...new Set(needed)].filter(word => !Object.hasOwn(found, word))
    return missing.length > 0
      ? [`${locale}/${name}.json: these words are missing: ${missing.join(', ')}`]
      : []
  })

/** The faults of words in a folder, each with the file that it is in. `templates` has the folder over ours. */
export const wordFaults = (folder: string, templates: Templates): string[] => {
  const files = [...languagesIn(folder)].flatMap(([, place]) =>
    listed(place)
      .filter(file => file.endsWith('.json'))
      .map(file => ({ path: join(place, file), name: file.replace(/\.json$/, '') })),
  )
  const faults = files.flatMap(({ path, name }) => {
    const found = read(path)
    const own = 'fault' in found ? [found.fault] : faultsOfWords(templates, name, found.words)
    return own.map(fault => `${path.slice(folder.length + 1)}: ${fault}`)
  })
  return faults.length > 0 ? faults : templates.locales.tags.flatMap(tag => missingWords(templates, tag))
}
