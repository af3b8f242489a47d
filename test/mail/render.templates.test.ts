import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { type EmailKind, type EmailVars, emailKinds, emails } from '../../src/base/emails.ts'
import { direction, locales, templates } from '../../src/base/locales.ts'
import { compileAll, render } from '../../src/mail/render.ts'

const samples: { [K in EmailKind]: EmailVars<K> } = {
  verify_email: { name: 'Zoltán', link: 'https://api.example/v?token=abc', code: '482913', hours: '37' },
  welcome: { name: 'Zoltán', link: 'https://app.example/' },
  session_reuse: { name: 'Zoltán', time: '2031-05-06T07:08:09Z', ip: '2001:db8::7', device: 'curl/8.1' },
}
const seen = { hours: '37', time: '07:08' } as Record<string, string>

const read = (...path: string[]) => readFile(join(templates, ...path), 'utf8')
const wordsOf = async (locale: string, name: string): Promise<Record<string, string>> =>
  JSON.parse(await read(locale, `${name}.json`))
const holes = (text: string) => new Set([...text.matchAll(/\{\{(.*?)\}\}/g)].map(([, name]) => name ?? ''))
const cases = locales.flatMap(locale => emailKinds.map(kind => ({ locale, kind })))

test('every mail compiles in every language', async t => {
  await t.notThrowsAsync(compileAll())
})

for (const { locale, kind } of cases) {
  test(`${kind} in ${locale}: every variable reaches both parts, and nothing is left to fill in`, async t => {
    const sample: Record<string, string> = samples[kind]
    const { html, text } = await render(kind, locale, samples[kind])
    for (const name of emails[kind].vars) {
      const shown = seen[name] ?? sample[name] ?? ''
      t.true(html.includes(shown), `${name} in HTML`)
      t.true(text.includes(shown), `${name} in text`)
    }
    t.notRegex(html + text, /\{\{|undefined|NaN|Invalid/)
  })

  test(`${kind} in ${locale}: the document says its language and direction, loads nothing and is small`, async t => {
    const { html } = await render(kind, locale, samples[kind])
    t.true(html.includes(`<html lang="${locale}" dir="${direction(locale)}"`))
    t.true(html.includes(`role="article" lang="${locale}" dir="${direction(locale)}"`))
    t.notRegex(html, /<(link|img|script|iframe)\b|@import|url\(/)
    t.true(Buffer.byteLength(html) < 40_000, 'some clients cut long mails')
  })

  test(`${kind} in ${locale}: the subject is one short line`, async t => {
    const { subject } = await render(kind, locale, samples[kind])
    t.regex(subject, /^\S[^\r\n]{5,70}\S$/)
  })

  test(`${kind} in ${locale}: a missing variable stops the mail`, async t => {
    for (const name of emails[kind].vars) {
      const { [name]: _, ...rest } = samples[kind] as Record<string, string>
      await t.throwsAsync(render(kind, locale, rest as never), { message: new RegExp(`{{${name}}}`) })
      await t.throwsAsync(render(kind, locale, { ...rest, [name]: undefined } as never))
    }
  })

  test(`${kind} in ${locale}: the words are those of English, each is used, and none needs what is not declared`, async t => {
    const words = await wordsOf(locale, kind)
    t.deepEqual(Object.keys(words).sort(), Object.keys(await wordsOf('en', kind)).sort())
    for (const [name, word] of Object.entries(words)) t.truthy(word.trim(), name)
    const sources = (
      await Promise.all([read('layout.mjml'), read(`${kind}.mjml`), read(`${kind}.txt`)])
    ).join('')
    const used = holes(sources)
    for (const name of Object.keys(words))
      t.true(
        used.has(`t.${name}`) || ['subject', 'greeting', 'greeting_anonymous', 'unknown'].includes(name),
        name,
      )
    const declared = new Set<string>([...emails[kind].vars, 'greeting', 'content'])
    for (const name of [...used, ...holes(Object.values(words).join(''))])
      t.true(declared.has(name) || name.startsWith('t.'), name)
  })
}

for (const locale of locales)
  test(`the words of the pages in ${locale} are those of English`, async t => {
    const words = await wordsOf(locale, 'pages')
    t.deepEqual(Object.keys(words).sort(), Object.keys(await wordsOf('en', 'pages')).sort())
    t.is(holes(Object.values(words).join('')).size, 0)
  })

test('Arabic runs from right to left, but for the code and the link', async t => {
  const { html } = await render('verify_email', 'ar', samples.verify_email)
  t.true(html.includes('<html lang="ar" dir="rtl"'))
  t.notRegex(html, /direction:ltr|text-align:left;color/)
  t.regex(html, /dir="ltr"[^>]*>482913</)
  t.regex(html, /<a href="[^"]+" dir="ltr"/)
})

test('times and hours are in the words of the reader, in digits that match the code', async t => {
  t.true((await render('verify_email', 'es', samples.verify_email)).text.includes('37 horas'))
  t.true((await render('verify_email', 'ar', samples.verify_email)).text.includes('37 ساعة'))
  t.true((await render('session_reuse', 'es-MX', samples.session_reuse)).text.includes('6 de mayo de 2031'))
})

test('a security notice leaves even where the facts are lacking', async t => {
  const { text } = await render('session_reuse', 'en', { name: '', time: '', ip: '', device: '' })
  t.true(text.includes('Time\nUnknown\n'))
})

test('a language that is not there falls back, whatever its name', async t => {
  const english = await render('welcome', 'en', samples.welcome)
  for (const locale of ['xx', '', '../../etc', '__proto__'])
    t.deepEqual(await render('welcome', locale, samples.welcome), english)
})

test('a mail that lacks a variable does not type-check', t => {
  type Lacking = { name: string } extends EmailVars<'welcome'> ? true : false
  const accepted: Lacking = false
  t.false(accepted)
})
