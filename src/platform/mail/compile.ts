import type { EmailKind } from '../catalog/emails.ts'
import { brandValues, linkSupport } from '../theme/brand-values.ts'
import { direction } from '../theme/locales.ts'
import { type Cut, cut, fillMarkup, fillWords, isolatedPlain, plain, type Values } from '../theme/template.ts'
import type { Theme } from '../theme/theme.ts'
import { timesIn } from '../theme/times.ts'
import { durationsIn } from './durations.ts'
import { contactOf, headerOf, signatureOf } from './layout-parts.ts'
import { toHtml } from './mjml.ts'

/** A mail in one language, with holes for what differs from mail to mail. */
export type Compiled = {
  readonly locale: string
  readonly subject: Cut
  readonly html: Cut
  readonly text: Cut
  readonly greeting: Cut
  readonly words: Values
  readonly duration: ReturnType<typeof durationsIn>
  readonly time: Intl.DateTimeFormat
  /** What the brand fills in, in HTML and in plain text. */
  readonly brand: { readonly html: Values; readonly text: Values }
}

const within = (layout: string, parts: Values): string =>
  Object.entries(parts).reduce((text, [name, part]) => text.replace(`{{${name}}}`, () => part), layout)

/** The MJML of an email in one language. Its lines are those of the layout, with those of the content within. */
export const mjmlOf = ({ brand, templates }: Theme, kind: EmailKind, locale: string): string => {
  const words = { ...templates.words(locale, 'layout'), ...templates.words(locale, kind) }
  const dir = direction(locale)
  const mjml = within(templates.source('layout.mjml'), {
    header: headerOf(brand),
    contact: contactOf(brand),
    content: templates.source(`${kind}.mjml`),
  })
  const start = dir === 'rtl' ? 'right' : 'left'
  return linkSupport(fillMarkup(mjml, { ...words, ...brand.palette, locale, dir, start }))
}

const compile = async (theme: Theme, kind: EmailKind, locale: string): Promise<Compiled> => {
  const { brand, templates } = theme
  const words = { ...templates.words(locale, 'layout'), ...templates.words(locale, kind) }
  const dir = direction(locale)
  const named = brandValues(brand)
  const text = within(templates.source('layout.txt').trimEnd(), {
    content: templates.source(`${kind}.txt`).trimEnd(),
    signature: signatureOf(brand),
  })
  const html = await toHtml(mjmlOf(theme, kind, locale))
  return {
    locale,
    subject: cut(fillWords('{{t.subject}}', words, plain)),
    html: cut(html),
    text: cut(`${fillWords(text, words, plain)}\n`),
    greeting: cut(fillWords('{{t.greeting}}', words, plain)),
    words,
    duration: durationsIn(locale, templates.words(locale, 'durations')),
    time: timesIn(locale),
    brand: { html: named, text: { ...named, brand: isolatedPlain(brand.name, dir) } },
  }
}

const cache = new WeakMap<Theme, Map<string, Promise<Compiled>>>()

/** The compiled mail, from memory after the first time. `locale` is one of the languages of the theme. */
export const compiled = (theme: Theme, kind: EmailKind, locale: string): Promise<Compiled> => {
  const ofTheme = cache.get(theme) ?? new Map<string, Promise<Compiled>>()
  cache.set(theme, ofTheme)
  const key = `${locale}/${kind}`
  const known = ofTheme.get(key)
  if (known) return known
  const fresh = compile(theme, kind, locale)
  ofTheme.set(key, fresh)
  fresh.catch(() => ofTheme.delete(key))
  return fresh
}
