import * as v from 'valibot'
import { isVisible, trimUnseen } from './copied-text.ts'

// A field is a valibot schema that turns text into its canonical form; its metadata is JSON Schema. An issue holds our name
// of the rule (`expected`) and our message. It does not hold the text, which may be a password and would end up in a reply
// or a log.

/** Characters that make a name read as another name or as two lines: bidirectional overrides, line separators. */
export const misleadingCharacter = /[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]/u

/** A time in a reply (ISO 8601). */
export const time = v.pipe(v.string(), v.isoTimestamp())

type About = {
  description: string
  format?: string
  minLength?: number
  maxLength?: number
  pattern?: string
}

/** A schema for text. `parse` returns the canonical form, or null if the text breaks the rule. */
export const field = (rule: string, message: string, about: About, parse: (text: string) => string | null) =>
  v.pipe(
    v.string('must be a text'),
    v.metadata(about),
    v.rawTransform<string, string>(({ dataset, addIssue, NEVER }) => {
      const value = dataset.value.isWellFormed() ? parse(dataset.value) : null
      if (value !== null) return value
      addIssue({ message, expected: rule, received: 'another text', input: undefined })
      return NEVER
    }),
  )

/** A schema for text that matches `shape`. */
export const pattern = (rule: string, message: string, description: string, shape: RegExp) => {
  const about = { description, pattern: shape.source }
  return field(rule, message, about, text => (shape.test(text) ? text : null))
}

/** Text on one line, with at most `max` code points. */
export const line = (max: number, description: string) => {
  const about = { description, minLength: 1, maxLength: max }
  return field('text', `must be 1 to ${max} characters on one line, and one of them visible`, about, text => {
    const value = trimUnseen(text).normalize('NFC')
    return isVisible(value) && !misleadingCharacter.test(value) && !longerThan(max, value) ? value : null
  })
}

/** Text of several lines, with at most `max` code points. */
export const prose = (max: number, description: string) => {
  const about = { description, minLength: 1, maxLength: max }
  return field('text', `must be 1 to ${max} characters, and one of them visible`, about, text => {
    const value = trimUnseen(text.replaceAll('\r\n', '\n')).normalize('NFC')
    return isVisible(value) &&
      !misleadingCharacter.test(value.replaceAll('\n', '')) &&
      !longerThan(max, value)
      ? value
      : null
  })
}

/** Whether a text has more code points than this. Does not count the code points of a text that is clearly too long. */
export const longerThan = (codePoints: number, text: string): boolean =>
  text.length > codePoints && (text.length > 2 * codePoints || [...text].length > codePoints)

/** An object with a name in the API document. Different schemas need different names. */
export const named = <const E extends v.ObjectEntries>(name: string, entries: E) =>
  v.pipe(v.object(entries), v.title(name))
