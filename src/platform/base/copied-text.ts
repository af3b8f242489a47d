// Text that people type or copy: codes, phone numbers, tokens of an email. Mail programs and keyboards add invisible
// characters (bidirectional marks, no-break spaces) and write digits of their own script. A code that looks right on the
// screen must not be refused for that.
//
// Callers limit the length first.

// Characters around a copied text that are not part of it. The joiners U+200C and U+200D and the variation selectors are
// missing here, as at the end of a name they change how its last letter or emoji looks.
const edge = /[\p{White_Space}\u00AD\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u2064\u2066-\u2069\uFEFF]/u
// Japanese keyboards type the letter U+30FC for a hyphen.
const hyphens = /[\p{Dash}\u30FC\uFF70]/gu
const separators = /[\p{White_Space}\p{Dash}\u30FC\uFF70\p{Default_Ignorable_Code_Point}\p{Cf}]/gu
const unseen = /[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu
const anyDigit = /\p{Nd}/u
const everyDigit = /\p{Nd}/gu

// Visible characters: letters, numbers, punctuation and symbols, without those that are drawn as nothing.
const seen = /[[\p{L}\p{N}\p{P}\p{S}]--[\p{Default_Ignorable_Code_Point}\u2800\uFFFC\u{1D159}]]/v

/** Whether a text has a visible character. */
export const isVisible = (text: string): boolean => seen.test(text)

/** Cuts matching characters off both ends. A regular expression with `+$` would take quadratic time. */
const trimBy = (text: string, shape: RegExp): string => {
  let [from, to] = [0, text.length]
  while (from < to && shape.test(text.charAt(from))) from++
  while (to > from && shape.test(text.charAt(to - 1))) to--
  return text.slice(from, to)
}

/** Cuts white space and invisible marks off both ends. */
export const trimUnseen = (text: string): string => trimBy(text, edge)

// In Unicode the ten digits of each script are consecutive and in order, so the distance to the first is the value.
const asciiDigit = (digit: string): string => {
  const point = digit.codePointAt(0) ?? 0
  let zero = point
  while (anyDigit.test(String.fromCodePoint(zero - 1))) zero--
  return String((point - zero) % 10)
}

const asciiDigits = (text: string): string => text.replace(everyDigit, asciiDigit)

/** A code in ASCII digits and without separators: from `117 810`, `117-810` or `١١٧٨١٠`. */
export const plainCode = (text: string): string => asciiDigits(text.replace(separators, ''))

/** A phone number in ASCII characters. Line breaks stay, so that two numbers on two lines do not become one. */
export const plainPhone = (text: string): string =>
  asciiDigits(trimUnseen(text).replace(unseen, ''))
    .replace(/[\p{Zs}\t]/gu, ' ')
    .replace(hyphens, '-')
    .replace(/[\uFF0B\uFE62]/g, '+')
    .replace(/\uFF08/g, '(')
    .replace(/\uFF09/g, ')')
    .replace(/\uFF0E/g, '.')

/**
 * A token as it was emailed: without the line breaks of a mail program and the punctuation around a link. Keeps every
 * character of the alphabet of tokens (base64url).
 */
export const plainToken = (text: string): string =>
  trimBy(
    text
      .replace(/[\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cf}]/gu, '')
      .replace(/%5F/gi, '_')
      .replace(/%2D/gi, '-'),
    /[^\w-]/,
  )
