import { compileTemplate, fillTemplate, plain, type Values, valueFor } from '../theme/template.ts'

// A duration follows a preposition ("valid for two hours"). Intl knows only the nominative, which is wrong there in
// Arabic. So each language has its own words: one for each unit and plural category of CLDR.

const units = ['minutes', 'hours', 'days'] as const
export type Unit = (typeof units)[number]

export const isUnit = (name: string): name is Unit => units.some(unit => unit === name)

/**
 * Writes durations with the words of `templates/<locale>/durations.json`. A category without a word uses that of `other`.
 * Throws if the amount is not a number.
 */
export const durationsIn = (locale: string, words: Values): ((unit: Unit, amount: string) => string) => {
  const plural = new Intl.PluralRules(locale)
  // Latin digits in every language, as for times.
  const digits = new Intl.NumberFormat(`${locale}-u-nu-latn`)
  return (unit, amount) => {
    const count = Number.parseFloat(amount)
    if (Number.isNaN(count)) throw new Error(`${unit} is not a number`)
    const form = `${unit}_${plural.select(count)}`
    const word = valueFor(words, Object.hasOwn(words, form) ? form : `${unit}_other`)
    return fillTemplate(compileTemplate(word), { count: digits.format(count) }, plain)
  }
}
