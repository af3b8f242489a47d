import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EmailKind } from '../base/emails.ts'
import { type Cut, cut, escapeHtml, fillWords, plain, type Values } from '../base/fill.ts'
import { direction, templates } from '../base/locales.ts'
import { durationsIn } from './durations.ts'
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
}

const read = (...path: string[]): Promise<string> => readFile(join(templates, ...path), 'utf8')

// Latin digits in every language: the code and the IP address beside them are written so too.
const timesIn = (locale: string): Intl.DateTimeFormat =>
  new Intl.DateTimeFormat(`${locale}-u-nu-latn`, {
    year: 'numeric',
    month: 'long',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    timeZone: 'UTC',
    timeZoneName: 'short',
  })

const compile = async (kind: EmailKind, locale: string): Promise<Compiled> => {
  const [layout, body, text, json, durations] = await Promise.all([
    read('layout.mjml'),
    read(`${kind}.mjml`),
    read(`${kind}.txt`),
    read(locale, `${kind}.json`),
    read(locale, 'durations.json'),
  ])
  const words: Values = JSON.parse(json)
  const dir = direction(locale)
  const start = dir === 'rtl' ? 'right' : 'left'
  const source = layout.replace('{{content}}', () => body)
  const html = await toHtml(fillWords(source, { ...words, locale, dir, start }, escapeHtml))
  return {
    locale,
    subject: cut(fillWords('{{t.subject}}', words, plain)),
    html: cut(html),
    text: cut(fillWords(text, words, plain)),
    greeting: cut(fillWords('{{t.greeting}}', words, plain)),
    words,
    duration: durationsIn(locale, JSON.parse(durations)),
    time: timesIn(locale),
  }
}

const cache = new Map<string, Promise<Compiled>>()

/** The compiled mail, from memory after the first time. `locale` is one of `locales`. */
export const compiled = (kind: EmailKind, locale: string): Promise<Compiled> => {
  const key = `${locale}/${kind}`
  const known = cache.get(key)
  if (known) return known
  const fresh = compile(kind, locale)
  cache.set(key, fresh)
  fresh.catch(() => cache.delete(key))
  return fresh
}
