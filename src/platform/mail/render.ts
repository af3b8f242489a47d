import type { EmailDefinition, EmailValues } from '../catalog/email-definition.ts'
import {
  escapeHtml,
  type Filled,
  fill,
  fillTemplate,
  plain,
  textOf,
  type Values,
  valueFor,
} from '../theme/template.ts'
import type { Theme } from '../theme/theme.ts'
import { type CompiledEmail, compiledEmail } from './compile.ts'
import { isUnit } from './durations.ts'
import { moneyIn } from './money.ts'
import { sanitize, sanitizeAddress, sanitizeName } from './sanitize.ts'

export type Rendered = { subject: string; html: string; text: string }
export type FilledEmail = { subject: string; html: Filled; text: Filled }

/** A value as the reader sees it: in their language, and safe to show. */
const displayed = (email: CompiledEmail, name: string, value: string): string => {
  const unknown = () => valueFor(email.words, 'unknown')
  if (isUnit(name)) return email.duration(name, value)
  if (name === 'time') {
    const time = Date.parse(value)
    return Number.isNaN(time) ? unknown() : email.time.format(time)
  }
  if (name === 'amount') return moneyIn(email.locale, value)
  if (name === 'name') return sanitizeName(value)
  // A thief with a session chooses the name of a factor that the owner then reads.
  if (name === 'factor') return sanitizeName(value) || unknown()
  if (name === 'factor_type') return email.words[`type_${value}`] ?? unknown()
  if (name === 'ip' || name === 'device') return sanitize(value, 160) || unknown()
  if (name === 'email' || name === 'account') return sanitizeAddress(value) || unknown()
  return value
}

const displayedValues = (variables: readonly string[], email: CompiledEmail, given: Values): Values => {
  const values: Record<string, string> = {}
  for (const name of variables) values[name] = displayed(email, name, valueFor(given, name))
  const greeting = values.name
    ? fillTemplate(email.greeting, values, plain)
    : valueFor(email.words, 'greeting_anonymous')
  return { ...values, greeting }
}

/** Fills the templates of an email. See `render`. */
export const fillEmail = async <E extends EmailDefinition>(
  theme: Theme,
  { kind, variables }: E,
  locale: string,
  given: EmailValues<E>,
): Promise<FilledEmail> => {
  const email = await compiledEmail(theme, kind, theme.templates.locales.pick(locale, null))
  const values = displayedValues(variables, email, given)
  return {
    // RFC 5322, 2.2: a line break would start a header that an attacker chooses.
    subject: fillTemplate(email.subject, { ...values, ...email.brand.text }, plain)
      .replace(/\s+/g, ' ')
      .trim(),
    html: fill(email.html, { ...values, ...email.brand.html }, escapeHtml),
    text: fill(email.text, { ...values, ...email.brand.text }, plain),
  }
}

/**
 * Renders an email. `locale` may be any tag: the closest available language is used. `html` is a whole document, `text`
 * the part for readers without HTML, `subject` a single line. Throws if a value is missing.
 */
export const render = async <E extends EmailDefinition>(
  theme: Theme,
  email: E,
  locale: string,
  given: EmailValues<E>,
): Promise<Rendered> => {
  const { subject, html, text } = await fillEmail(theme, email, locale, given)
  return { subject, html: textOf(html), text: textOf(text) }
}

/** Compiles every email in these languages, so that template errors appear at start and the first email is quick. */
export const compileAll = async (
  theme: Theme,
  tags: readonly string[] = theme.templates.locales.tags,
): Promise<void> => {
  await Promise.all(
    tags.flatMap(locale => theme.emails.map(({ kind }) => compiledEmail(theme, kind, locale))),
  )
}
