import { join } from 'node:path'
import * as v from 'valibot'
import { brandNames } from './brand-values.ts'
import { namesIn, type Values } from './template.ts'
import { didYouMean, readableText } from './template-errors.ts'
import { languagesIn, listed, wordNames } from './template-files.ts'
import { openTemplates } from './templates.ts'
import type { Theme } from './theme.ts'

// Finds the errors of an operator's own words at start, as for templates.

const wordsSchema = v.pipe(
  v.unknown(),
  v.check(value => !Array.isArray(value)),
  v.record(v.string(), v.pipe(v.string(), v.trim(), v.nonEmpty())),
)
const durationName = /^(minutes|hours|days)_(zero|one|two|few|many|other)$/

/** Words that the service inserts itself: `{{t.dir}}` and so on. */
const ownWords: readonly string[] = [
  ...['locale', 'dir', 'start', 'fill', 'on_fill', 'edge', 'accent'],
  ...['dark_fill', 'dark_on_fill', 'dark_edge', 'dark_accent'],
]

const emailOf = ({ emails }: Theme, name: string) => emails.find(({ kind }) => kind === name)

/** The words that the templates in use name. */
const usedWords = (theme: Theme, name: string): string[] => {
  if (!emailOf(theme, name)) return []
  const files = ['layout.mjml', 'layout.txt', `${name}.mjml`, `${name}.txt`]
  const texts = files.map(theme.templates.source)
  return namesIn(texts.join('\n')).words.filter(word => !ownWords.includes(word))
}

const english = openTemplates(undefined)

/** The placeholders that a word may have. */
const placeholdersOf = (theme: Theme, name: string, word: string): readonly string[] => {
  if (name === 'durations') return ['count']
  const email = emailOf(theme, name)
  if (email) return [...email.variables, ...brandNames]
  return [...namesIn(english.words('en', name)[word] ?? '').placeholders, ...brandNames]
}

const parseError = (error: unknown): string => {
  const [position] = /line \d+ column \d+/.exec(error instanceof Error ? error.message : '') ?? []
  return `is not JSON${position ? ` (${position})` : ''}`
}

const readWords = (path: string): { words: Values } | { error: string } => {
  const text = readableText(path)
  if (text === null) return { error: 'cannot be read' }
  try {
    const parsed = v.safeParse(wordsSchema, JSON.parse(text))
    if (parsed.success) return { words: JSON.parse(text) }
    const word = v.getDotPath(parsed.issues[0])
    return { error: word ? `"${word}" must be a text that is not empty` : 'must be an object of words' }
  } catch (error) {
    return { error: parseError(error) }
  }
}

const errorsOfWords = (theme: Theme, name: string, words: Values): string[] => {
  const known = [...new Set([...Object.keys(english.words('en', name)), ...usedWords(theme, name)])]
  const isKnown = (word: string) => (name === 'durations' ? durationName.test(word) : known.includes(word))
  return Object.entries(words).flatMap(([word, text]) => {
    if (!isKnown(word)) return [`there is no word "${word}".${didYouMean(word, known)}`]
    const allowed = placeholdersOf(theme, name, word)
    const unknown = namesIn(`${text}`).placeholders.filter(each => !allowed.includes(each))
    return unknown.map(each => `"${word}": {{${each}}} cannot be filled in here`)
  })
}

/** Words that a language lacks. Our own languages lack only words that an operator's template added. */
const missingWords = (theme: Theme, locale: string): string[] =>
  wordNames(theme.emails).flatMap(name => {
    const needed =
      name === 'durations'
        ? ['minutes_other', 'hours_other', 'days_other']
        : [...Object.keys(english.words('en', name)), ...usedWords(theme, name)]
    // Templates of every email may use the words of the layout.
    const found = { ...theme.templates.words(locale, 'layout'), ...theme.templates.words(locale, name) }
    const missing = [...new Set(needed)].filter(word => !Object.hasOwn(found, word))
    return missing.length > 0
      ? [`${locale}/${name}.json: these words are missing: ${missing.join(', ')}`]
      : []
  })

/** The errors in the words of a folder, each with its file. `theme` uses the folder. */
export const wordErrors = (folder: string, theme: Theme): string[] => {
  const files = [...languagesIn(folder)].flatMap(([, languageFolder]) =>
    listed(languageFolder)
      .filter(file => file.endsWith('.json'))
      .map(file => ({ path: join(languageFolder, file), name: file.replace(/\.json$/, '') })),
  )
  const errors = files.flatMap(({ path, name }) => {
    const read = readWords(path)
    const own = 'error' in read ? [read.error] : errorsOfWords(theme, name, read.words)
    return own.map(error => `${path.slice(folder.length + 1)}: ${error}`)
  })
  return errors.length > 0 ? errors : theme.templates.locales.tags.flatMap(tag => missingWords(theme, tag))
}
