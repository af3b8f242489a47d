// Templates hold `{{holes}}` and nothing else: no conditions, no raw output, so there is nothing to inject into.
// A template is cut once, before any value is known: a value that contains a hole is never filled again.

export type Values = Readonly<Record<string, string>>
/** Text at even places, the names of holes at odd ones. */
export type Cut = readonly string[]

const hole = /\{\{(.*?)\}\}/
const word = /\{\{t\.(\w+)\}\}/g
const entities: Values = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Makes text safe inside HTML elements and quoted attributes. */
export const escapeHtml = (text: string): string =>
  /[&<>"']/.test(text) ? text.replace(/[&<>"']/g, sign => entities[sign] ?? '') : text

/** Leaves text as it is: for targets that know no markup. */
export const plain = (text: string): string => text

/** Throws where there is none. */
export const valueFor = (values: Values, name: string): string => {
  const value = Object.hasOwn(values, name) ? values[name] : undefined
  if (typeof value !== 'string') throw new Error(`Nothing to fill in for {{${name}}}`)
  return value
}

export const cut = (template: string): Cut => template.split(hole)

/** Fills every hole. Throws where a value is missing: a mail with a gap in it must not leave. */
export const fill = (template: Cut, values: Values, encode: (text: string) => string): string =>
  template.map((part, at) => (at % 2 ? encode(valueFor(values, part)) : part)).join('')

/** The names in a template: of words in `{{t.…}}`, and of holes. */
export const namesIn = (template: string): { words: string[]; holes: string[] } => {
  const names = cut(template).filter((_, at) => at % 2 === 1)
  const ofWords = names.flatMap(name => /^t\.(\w+)$/.exec(name)?.[1] ?? [])
  return { words: [...new Set(ofWords)], holes: [...new Set(names.filter(name => !/^t\.\w+$/.test(name)))] }
}

/** Puts the words of a language in place of `{{t.…}}`. Throws where a word is missing. */
export const fillWords = (template: string, words: Values, encode: (text: string) => string): string =>
  template.replace(word, (_, name: string) => encode(valueFor(words, name)))

// A title and an attribute hold text alone.
const textOnly = /(<title\b[\s\S]*?<\/title>|<mj-head\b[\s\S]*?<\/mj-head>|<[^>]*>)/

const isolated = (text: string): string => escapeHtml(text).replaceAll('{{brand}}', '<bdi>{{brand}}</bdi>')

/**
 * Puts words into HTML or MJML. The name of the brand in them may be of another writing direction: it is isolated, so
 * that "Acme!" stays "Acme!" in an Arabic sentence. Throws where a word is missing.
 */
export const fillMarkup = (template: string, words: Values): string =>
  template
    .split(textOnly)
    .map((part, at) => fillWords(part, words, at % 2 ? escapeHtml : isolated))
    .join('')

const strong = /\p{L}/u
const rightToLeft =
  /^[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u

/** The writing direction of a text: that of its first letter. */
export const directionOf = (text: string): 'ltr' | 'rtl' => {
  const first = strong.exec(text)?.[0]
  return first && rightToLeft.test(first) ? 'rtl' : 'ltr'
}

/** Plain text for a sentence of this direction. A name of the other direction is put between U+2068 and U+2069. */
export const isolatedPlain = (text: string, direction: 'ltr' | 'rtl'): string =>
  directionOf(text) === direction ? text : `\u2068${text}\u2069`
