import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { type EmailKind, type EmailVars, emailKinds, emails } from '../../src/base/emails.ts'
import { direction, locales, templates } from '../../src/base/locales.ts'
import { compileAll, render } from '../../src/mail/render.ts'

const link = 'https://api.example/v?token=abc'
const facts = { time: '2031-05-06T07:08:09Z', ip: '2001:db8::7', device: 'curl/8.1' }
const samples: { [K in EmailKind]: EmailVars<K> } = {
  verify_email: { name: 'Zoltán', link, code: '482913', hours: '37' },
  welcome: { name: 'Zoltán', link: 'https://app.example/' },
  welcome_guest: { name: 'Zoltán', link, code: '482913', hours: '37' },
  account_exists: { name: 'Zoltán', link },
  reset_password: { name: 'Zoltán', link, code: '482913', minutes: '41' },
  password_changed: { name: 'Zoltán', link, ...facts },
  email_change: { name: 'Zoltán', link, code: '482913', hours: '37' },
  email_changed: { name: 'Zoltán', email: 'z••@mail.example', link, days: '13' },
  new_device: { name: 'Zoltán', link, ...facts },
  session_reuse: { name: 'Zoltán', ...facts },
  account_deleted: { name: 'Zoltán', link, days: '13' },
  purchase_confirmation: {
    ...{ name: 'Zoltán', link, item: 'Corner bakery', amount: '1250050 GTQ' },
    reference: '019a5f7e-7a30-7c4e-9d0b-3f1f6f1d2c4b',
  },
}
const seen: Record<string, string> = { time: '07:08', email: 'z••', amount: '12' }

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
    const english = await wordsOf('en', 'pages')
    t.deepEqual(Object.keys(words).sort(), Object.keys(english).sort())
    for (const [name, word] of Object.entries(words)) {
      t.truthy(word.trim(), name)
      t.deepEqual(holes(word), holes(english[name] ?? ''), name)
    }
    t.deepEqual([...holes(Object.values(words).join(''))], ['min'])
  })

for (const locale of locales)
  test(`durations in ${locale}: each kind of number has its words, and no words are idle`, async t => {
    const words = await wordsOf(locale, 'durations')
    const rules = new Intl.PluralRules(locale)
    const kinds = new Set(Array.from({ length: 400 }, (_, at) => rules.select(at + 1)))
    const wanted = ['minutes', 'hours', 'days'].flatMap(unit => [...kinds].map(kind => `${unit}_${kind}`))
    t.deepEqual(Object.keys(words).sort(), wanted.sort())
  })

test('Arabic runs from right to left, but for codes, addresses and links', async t => {
  for (const kind of emailKinds) {
    const { html } = await render(kind, 'ar', samples[kind])
    t.true(html.includes('<html lang="ar" dir="rtl"'))
    t.notRegex(html, /direction:ltr|text-align:left;color/)
    if ('code' in samples[kind]) t.regex(html, /dir="ltr"[^>]*>482913</)
    if ('email' in samples[kind]) t.regex(html, /<bdi dir="ltr"[^>]*>z••/)
    if ('link' in samples[kind]) t.regex(html, /<a href="[^"]+" dir="ltr"/)
  }
})

test('times are in the words of the reader', async t => {
  t.true((await render('session_reuse', 'es-MX', samples.session_reuse)).text.includes('6 de mayo de 2031'))
})

// After a preposition, as every mail has them: Arabic has a dual, whose ending follows the case, and counts
// 3 to 10 in the plural, 11 to 99 in the accusative singular, and whole hundreds in the genitive singular.
const durations = {
  en: {
    minutes: { 1: '1 minute', 2: '2 minutes' },
    hours: { 1: '1 hour' },
    days: { 1: '1 day', 30: '30 days' },
  },
  es: {
    minutes: { 60: '60 minutos' },
    hours: { 1: '1 hora', 37: '37 horas' },
    days: { 1: '1 día', 7: '7 días' },
  },
  ar: {
    minutes: { 1: 'دقيقة واحدة', 2: 'دقيقتين', 3: '3 دقائق', 10: '10 دقائق', 11: '11 دقيقة', 60: '60 دقيقة' },
    hours: { 1: 'ساعة واحدة', 2: 'ساعتين', 3: '3 ساعات', 10: '10 ساعات', 11: '11 ساعة', 24: '24 ساعة' },
    days: {
      1: 'يوم واحد',
      2: 'يومين',
      7: '7 أيام',
      10: '10 أيام',
      11: '11 يومًا',
      30: '30 يومًا',
      100: '100 يوم',
    },
  },
}
const lasting = {
  minutes: (amount: string, locale: string) =>
    render('reset_password', locale, { ...samples.reset_password, minutes: amount }),
  hours: (amount: string, locale: string) =>
    render('verify_email', locale, { ...samples.verify_email, hours: amount }),
  days: (amount: string, locale: string) =>
    render('account_deleted', locale, { ...samples.account_deleted, days: amount }),
}
for (const [locale, units] of Object.entries(durations))
  for (const unit of ['minutes', 'hours', 'days'] as const)
    test(`${unit} in ${locale} agree with their number, in digits that match the code`, async t => {
      for (const [amount, words] of Object.entries(units[unit])) {
        const { html, text } = await lasting[unit](amount, locale)
        const whole = new RegExp(`(?<![\\p{L}\\p{N}])${words}(?!\\p{L})`, 'u')
        t.regex(html, whole)
        t.regex(text, whole)
      }
    })

test('a duration that is no number stops the mail', async t => {
  for (const hours of ['', 'soon', 'NaN'])
    await t.throwsAsync(render('verify_email', 'en', { ...samples.verify_email, hours }), {
      message: 'hours is not a number',
    })
})

test('a security notice leaves even where the facts are lacking', async t => {
  const unknown = { name: '', time: '', ip: '', device: '' }
  for (const kind of ['session_reuse', 'password_changed', 'new_device'] as const) {
    const { text } = await render(kind, 'en', { ...unknown, link })
    for (const label of ['Time', 'IP address', 'Device']) t.true(text.includes(`${label}\nUnknown\n`))
  }
  const { text } = await render('email_changed', 'en', { name: '', email: '', link, days: '7' })
  t.true(text.includes('New address\nUnknown\n'))
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
