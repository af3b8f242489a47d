// Templates hold `{{placeholders}}` and nothing else: no conditions and no raw output, so values cannot inject code.
// A template is compiled before any value is known: a placeholder inside a value is never replaced.

export type Values = Readonly<Record<string, string>>
/** A compiled template: text at even indexes, the names of placeholders at odd ones. */
export type Template = readonly string[]

const placeholder = /\{\{(.*?)\}\}/
const word = /\{\{t\.(\w+)\}\}/g
const entities: Values = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Makes text safe inside HTML elements and quoted attributes. */
export const escapeHtml = (text: string): string =>
  /[&<>"']/.test(text) ? text.replace(/[&<>"']/g, sign => entities[sign] ?? '') : text

/** Returns the text unchanged: the encoder for targets without markup. */
export const plain = (text: string): string => text

/** The value of a name. Throws if it is missing. */
export const valueFor = (values: Values, name: string): string => {
  const value = Object.hasOwn(values, name) ? values[name] : undefined
  if (typeof value !== 'string') throw new Error(`There is no value for {{${name}}}`)
  return value
}

/** Splits a template at its placeholders. */
export const compileTemplate = (template: string): Template => template.split(placeholder)

/** A template, and the encoded value of each of its placeholders in their order. */
export type Filled = { readonly template: Template; readonly values: readonly string[] }

/** Encodes the value of every placeholder. Throws if a value is missing, so that no incomplete email is sent. */
export const fill = (template: Template, values: Values, encode: (text: string) => string): Filled => ({
  template,
  values: template.flatMap((part, at) => (at % 2 ? encode(valueFor(values, part)) : [])),
})

/** The text of a filled template. */
export const textOf = ({ template, values }: Filled): string =>
  template.map((part, at) => (at % 2 ? values[(at - 1) / 2] : part)).join('')

/** Replaces every placeholder. Throws if a value is missing. */
export const fillTemplate = (template: Template, values: Values, encode: (text: string) => string): string =>
  textOf(fill(template, values, encode))

/** The names in a template: those of words (`{{t.…}}`), and those of all other placeholders. */
export const namesIn = (template: string): { words: string[]; placeholders: string[] } => {
  const names = compileTemplate(template).filter((_, at) => at % 2 === 1)
  const words = names.flatMap(name => /^t\.(\w+)$/.exec(name)?.[1] ?? [])
  const placeholders = names.filter(name => !/^t\.\w+$/.test(name))
  return { words: [...new Set(words)], placeholders: [...new Set(placeholders)] }
}

/** Replaces `{{t.…}}` with the words of a language. Throws if a word is missing. */
export const insertWords = (template: string, words: Values, encode: (text: string) => string): string =>
  template.replace(word, (_, name: string) => encode(valueFor(words, name)))

// A title and an attribute hold only text.
const textOnly = /(<title\b[\s\S]*?<\/title>|<mj-head\b[\s\S]*?<\/mj-head>|<[^>]*>)/

const isolated = (text: string): string => escapeHtml(text).replaceAll('{{brand}}', '<bdi>{{brand}}</bdi>')

/**
 * Inserts words into HTML or MJML. The brand name in them may have another writing direction, so it is isolated:
 * "Acme!" stays "Acme!" in an Arabic sentence. Throws if a word is missing.
 */
export const insertWordsInMarkup = (template: string, words: Values): string =>
  template
    .split(textOnly)
    .map((part, at) => insertWords(part, words, at % 2 ? escapeHtml : isolated))
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
