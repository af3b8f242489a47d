import { type EmailKind, type EmailVars, emailKinds, emails } from '../catalog/emails.ts'
import { escapeHtml, fill, plain, type Values, valueFor } from '../theme/template.ts'
import type { Theme } from '../theme/theme.ts'
import { type Compiled, compiled } from './compile.ts'
import { isUnit } from './durations.ts'
import { moneyIn } from './money.ts'
import { sanitize, sanitizeAddress, sanitizeName } from './sanitize.ts'

export type Rendered = { subject: string; html: string; text: string }

const inWords = (mail: Compiled, name: string, value: string): string => {
  if (isUnit(name)) return mail.duration(name, value)
  if (name === 'time') {
    const time = Date.parse(value)
    return Number.isNaN(time) ? valueFor(mail.words, 'unknown') : mail.time.format(time)
  }
  if (name === 'amount') return moneyIn(mail.locale, value)
  if (name === 'name') return sanitizeName(value)
  if (name === 'ip' || name === 'device') return sanitize(value, 160) || valueFor(mail.words, 'unknown')
  if (name === 'email' || name === 'account') return sanitizeAddress(value) || valueFor(mail.words, 'unknown')
  return value
}

const valuesOf = (kind: EmailKind, mail: Compiled, vars: Values): Values => {
  const values: Record<string, string> = {}
  for (const name of emails[kind].vars) values[name] = inWords(mail, name, valueFor(vars, name))
  const greeting = values.name
    ? fill(mail.greeting, values, plain)
    : valueFor(mail.words, 'greeting_anonymous')
  return { ...values, greeting }
}

/**
 * Renders a mail. `locale` may be any tag: the closest language that there is will be used. `html` is a whole
 * document, `text` the part for readers without HTML, `subject` a single line. Throws where a variable is missing.
 */
export const render = async <K extends EmailKind>(
  theme: Theme,
  kind: K,
  locale: string,
  vars: EmailVars<K>,
): Promise<Rendered> => {
  const mail = await compiled(theme, kind, theme.templates.locales.pick(locale, null))
  const values = valuesOf(kind, mail, vars)
  return {
    // RFC 5322, 2.2: a line break would start a header of the sender's choosing.
    subject: fill(mail.subject, { ...values, ...mail.brand.text }, plain)
      .replace(/\s+/g, ' ')
      .trim(),
    html: fill(mail.html, { ...values, ...mail.brand.html }, escapeHtml),
    text: fill(mail.text, { ...values, ...mail.brand.text }, plain),
  }
}

/** Compiles every mail in these languages, so that a fault in a template shows at start and the first mail is quick. */
export const compileAll = async (
  theme: Theme,
  tags: readonly string[] = theme.templates.locales.tags,
): Promise<void> => {
  await Promise.all(tags.flatMap(locale => emailKinds.map(kind => compiled(theme, kind, locale))))
}
