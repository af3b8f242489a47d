import type { PasswordKind } from '../base/password-policy.ts'
import { type Values, valueFor } from '../theme/template.ts'

// The password rules on the page that sets a new password. `letter` is omitted beside `lower` or `upper`, which include it.

const requiredKinds = (kinds: readonly PasswordKind[]): PasswordKind[] => {
  const isCased = kinds.includes('lower') || kinds.includes('upper')
  return [...new Set(kinds)].filter(kind => kind !== 'letter' || !isCased)
}

/** The required kinds of characters as a list in a language: "a letter and a digit". */
export const kindsIn = (locale: string, words: Values, kinds: readonly PasswordKind[]): string =>
  new Intl.ListFormat(locale, { type: 'conjunction' }).format(
    requiredKinds(kinds).map(kind => valueFor(words, `kind_${kind}`)),
  )

const classes: Record<PasswordKind, string> = {
  letter: 'lower, upper',
  digit: 'digit',
  lower: 'lower',
  upper: 'upper',
  symbol: 'special',
}

/** The rules for password managers, in the syntax of the attribute `passwordrules`. */
export const passwordRules = (min: number, kinds: readonly PasswordKind[]): string =>
  [`minlength: ${min}`, ...requiredKinds(kinds).map(kind => `required: ${classes[kind]}`)].join('; ')
