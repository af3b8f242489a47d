import { plainWords } from './words.ts'

/** A place in a file where the language is hard to understand. */
export type LanguageFault = { path: string; line: number; fault: string }

const titleLength = 100
const sentencesAtMost = 3

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
const banned = new RegExp(`\\b(${Object.keys(plainWords).map(escaped).join('|')})\\b`, 'gi')

// `oweMail` and `owe_mail` become `owe Mail` and `owe mail`, so that names are held to the same words.
const inWords = (line: string): string =>
  line
    .replace(/([a-z])(?=[A-Z])/g, '$1 ')
    .replaceAll('_', ' ')
    .replace(/-(?=[a-z])/g, ' ')

/** Public names that hold a banned word: columns, indexes, Redis keys, labels of derived keys, metrics and limits. */
export const publicNames = [
  'proof_used_at',
  'proof_spent_at',
  'emails_owed_idx',
  ':proof:',
  "'mail proofs'",
  "name: 'strangers'",
]

/** Words that are terms of another field in one file: a user of Unix, a builtin of the shell, a type of commit. */
const otherMeanings: Readonly<Record<string, readonly string[]>> = {
  'src/dev-services/apt-install.ts': ['trap'],
  'src/dev-services/run-as.ts': ['nobody'],
  'src/processes/migrate/migrations.ts': ['proofs'],
  'test/house/commit-subject.test.ts': ['chore'],
}

const withoutPublicNames = (line: string): string =>
  publicNames.reduce((text, name) => text.replaceAll(name, ''), line)

/** Banned words in any text: code, comments, strings and prose. */
export const bannedWords = (path: string, text: string): LanguageFault[] =>
  text.split('\n').flatMap((line, index) =>
    [...inWords(withoutPublicNames(line)).matchAll(banned)]
      .filter(([word]) => !otherMeanings[path]?.includes(word.toLowerCase()))
      .map(([word]) => ({
        path,
        line: index + 1,
        fault: `"${word}": write ${plainWords[word.toLowerCase()]}`,
      })),
  )

type Comment = { line: number; text: string }

/** The comments of a TypeScript, Lua or SQL file, consecutive lines as one. */
export const commentsOf = (text: string): Comment[] => {
  const found: Comment[] = []
  let open: Comment | null = null
  for (const [index, line] of text.split('\n').entries()) {
    const comment = /^\s*(?:\/\/|--|\/\*\*?|\*\/?)(.*?)(?:\*\/)?$/.exec(line)?.[1]
    if (comment === undefined) {
      open = null
      const trailing = /\s\/\/ (.*)$/.exec(line)?.[1]
      if (trailing) found.push({ line: index + 1, text: trailing })
    } else if (open) {
      open.text += `\n${comment.trim()}`
    } else {
      open = { line: index + 1, text: comment.trim() }
      found.push(open)
    }
  }
  return found
}

const isProse = (paragraph: string): boolean => !/^[-*|@]|^\d+\. |^#!/.test(paragraph)

/** How many sentences a paragraph has. Abbreviations and figures such as `e.g.` and `1.5` end none. */
export const sentencesOf = (paragraph: string): number =>
  paragraph
    .replace(/`[^`]*`/g, 'x')
    .replace(/\b(e\.g|i\.e|cf|vs|etc)\./g, '$1')
    .split(/[.!?](?=\s+["'(]?[A-Z`]|\s*$)/)
    .filter(sentence => sentence.trim() !== '').length

/** Paragraphs of comments that are too long to be read at a glance. */
export const longComments = (path: string, text: string): LanguageFault[] =>
  commentsOf(text).flatMap(comment =>
    comment.text
      .split(/\n\s*\n/)
      .filter(isProse)
      .map(paragraph => sentencesOf(paragraph.replaceAll('\n', ' ')))
      .filter(count => count > sentencesAtMost)
      .map(count => ({ path, line: comment.line, fault: `a paragraph of ${count} sentences` })),
  )

const title = /\b(?:test|anyTest)(?:\.\w+)*\(\s*(['"`])((?:\\.|(?!\1)[^\\\n])*)\1/g

/** The titles of a test file, with the line of each. */
export const titlesOf = (text: string): Comment[] =>
  [...text.matchAll(title)].map(({ index, 2: found = '' }) => ({
    line: text.slice(0, index).split('\n').length,
    text: found,
  }))

/** Titles that are too long, or that do not make sense alone: they start small and say nothing of a result. */
export const poorTitles = (path: string, text: string): LanguageFault[] =>
  titlesOf(text)
    .filter(({ text: found }) => found.length > titleLength || found.split(/\s+/).length < 4)
    .map(({ line, text: found }) => ({
      path,
      line,
      fault:
        found.length > titleLength ? `a title of ${found.length} characters` : 'a title of under 4 words',
    }))

/** Everything that makes a file hard to understand. */
export const languageFaults = (path: string, text: string): LanguageFault[] => [
  ...bannedWords(path, text),
  ...(/\.([jt]s|lua|sql)$/.test(path) ? longComments(path, text) : []),
  ...(path.endsWith('.test.ts') ? poorTitles(path, text) : []),
]
