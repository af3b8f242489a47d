import { brandValues, linkSupport } from '../theme/brand-values.ts'
import { direction } from '../theme/locales.ts'
import {
  compileTemplate,
  insertWords,
  insertWordsInMarkup,
  isolatedPlain,
  plain,
  type Template,
  type Values,
} from '../theme/template.ts'
import type { Theme } from '../theme/theme.ts'
import { timesIn } from '../theme/times.ts'
import { durationsIn } from './durations.ts'
import { contactOf, headerOf, signatureOf } from './layout-parts.ts'
import { toHtml } from './mjml.ts'

/** An email in one language, with placeholders for what differs from recipient to recipient. */
export type CompiledEmail = {
  readonly locale: string
  readonly subject: Template
  readonly html: Template
  readonly text: Template
  readonly greeting: Template
  readonly words: Values
  readonly duration: ReturnType<typeof durationsIn>
  readonly time: Intl.DateTimeFormat
  /** The values of the brand, for HTML and for plain text. */
  readonly brand: { readonly html: Values; readonly text: Values }
}

const insertParts = (layout: string, parts: Values): string =>
  Object.entries(parts).reduce((text, [name, part]) => text.replace(`{{${name}}}`, () => part), layout)

/** The MJML of an email in one language. Its lines are those of the layout, with those of the content inside. */
export const mjmlOf = ({ brand, templates }: Theme, kind: string, locale: string): string => {
  const words = { ...templates.words(locale, 'layout'), ...templates.words(locale, kind) }
  const dir = direction(locale)
  const mjml = insertParts(templates.source('layout.mjml'), {
    header: headerOf(brand),
    contact: contactOf(brand),
    content: templates.source(`${kind}.mjml`),
  })
  const start = dir === 'rtl' ? 'right' : 'left'
  return linkSupport(insertWordsInMarkup(mjml, { ...words, ...brand.palette, locale, dir, start }))
}

const compile = async (theme: Theme, kind: string, locale: string): Promise<CompiledEmail> => {
  const { brand, templates } = theme
  const words = { ...templates.words(locale, 'layout'), ...templates.words(locale, kind) }
  const dir = direction(locale)
  const values = brandValues(brand)
  const text = insertParts(templates.source('layout.txt').trimEnd(), {
    content: templates.source(`${kind}.txt`).trimEnd(),
    signature: signatureOf(brand),
  })
  const html = await toHtml(mjmlOf(theme, kind, locale))
  return {
    locale,
    subject: compileTemplate(insertWords('{{t.subject}}', words, plain)),
    html: compileTemplate(html),
    text: compileTemplate(`${insertWords(text, words, plain)}\n`),
    greeting: compileTemplate(insertWords('{{t.greeting}}', words, plain)),
    words,
    duration: durationsIn(locale, templates.words(locale, 'durations')),
    time: timesIn(locale),
    brand: { html: values, text: { ...values, brand: isolatedPlain(brand.name, dir) } },
  }
}

const cache = new WeakMap<Theme, Map<string, Promise<CompiledEmail>>>()

/** The compiled email, from memory after the first time. `locale` is one of the languages of the theme. */
export const compiledEmail = (theme: Theme, kind: string, locale: string): Promise<CompiledEmail> => {
  const ofTheme = cache.get(theme) ?? new Map<string, Promise<CompiledEmail>>()
  cache.set(theme, ofTheme)
  const key = `${locale}/${kind}`
  const cached = ofTheme.get(key)
  if (cached) return cached
  const fresh = compile(theme, kind, locale)
  ofTheme.set(key, fresh)
  fresh.catch(() => ofTheme.delete(key))
  return fresh
}
