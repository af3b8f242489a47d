import { createHash } from 'node:crypto'
import test from 'ava'
import { direction, locales } from '../../../src/base/locales.ts'
import { type ButtonPage, type PlainPage, pageNames } from '../../../src/http/page-bodies.ts'
import { pagePolicy } from '../../../src/http/page-policy.ts'
import { page, pageStyleHash } from '../../../src/http/pages.ts'
import type { CheckPassword } from '../../../src/passwords/rules.ts'

const asked = { action: '/act', token: 'abc' }
const buttons: ButtonPage[] = ['confirm', 'email_confirm', 'undo_email', 'undo_deletion']
const plain: PlainPage[] = [
  'verified',
  'email_confirmed',
  'undo_email_done',
  'undo_deletion_done',
  'reset_done',
  'taken',
  'invalid',
]
const reset = (locale: string, error?: string, min = 8) => page(locale, 'reset', { ...asked, min, error })

type Rule = NonNullable<ReturnType<CheckPassword>>['rule']
const englishErrors: Record<Rule, RegExp> = {
  too_short: /too short: it needs at least 12 characters/,
  too_long: /too long/,
  needs_letter: /needs a letter/,
  needs_digit: /needs a digit/,
  needs_lower: /needs a lower-case letter/,
  needs_upper: /needs an upper-case letter/,
  needs_symbol: /needs a symbol/,
  too_common: /would guess/,
  same_as_email: /is your e-mail address/,
  same_as_name: /is your name/,
}
const errors = Object.keys(englishErrors)

const asking = (locale: string) => [
  ...buttons.map(name => page(locale, name, asked)),
  reset(locale),
  ...errors.map(error => reset(locale, error)),
]
const telling = (locale: string) => plain.map(name => page(locale, name, {}))
const all = (locale: string) => [...asking(locale), ...telling(locale)]
const confirm = (locale: string) => page(locale, 'confirm', asked)

test('no page is left out here', t => {
  t.deepEqual([...buttons, ...plain, 'reset'].sort(), [...pageNames].sort())
})

for (const locale of locales) {
  test(`pages in ${locale} say their language, run no script and load nothing`, t => {
    for (const html of all(locale)) {
      t.true(html.startsWith(`<!doctype html>\n<html lang="${locale}" dir="${direction(locale)}">`))
      t.notRegex(html, /<(script|link|img|iframe|base)\b|\son\w+=|\sstyle=|url\(|@import|\{\{|undefined/)
      t.is(html.match(/<h1>[^<]+<\/h1>/g)?.length, 1)
      t.is(html.match(/<main>/g)?.length, 1)
    }
  })

  test(`each page in ${locale} has a title of its own, which is its heading`, t => {
    const pages = [...buttons.map(name => page(locale, name, asked)), ...telling(locale), reset(locale)]
    const titles = pages.map(html => /<title>([^<]+) · Latchkey<\/title>/.exec(html)?.[1])
    t.is(new Set(titles).size, pageNames.length)
    t.deepEqual(
      pages.map(html => /<h1>([^<]+)<\/h1>/.exec(html)?.[1]),
      titles,
    )
  })

  test(`a refused password in ${locale} is told why, by a line that its field points to`, t => {
    t.notRegex(reset(locale), /role="alert"|aria-invalid=|id="error"/)
    const told = errors.map(error => {
      const html = reset(locale, error, 12)
      t.regex(html, /<input id="new_password"[^>]* aria-describedby="error hint" aria-invalid="true">/)
      t.regex(html, /<p class="hint" id="hint">[^<]*12[^<]*<\/p>/)
      return /<p class="error" id="error" role="alert">([^<]+)<\/p>/.exec(html)?.[1]
    })
    t.is(new Set(told).size, errors.length)
    t.true(told[errors.indexOf('too_short')]?.includes('12'))
  })
}

for (const [error, words] of Object.entries(englishErrors))
  test(`the words for ${error} say what it is`, t => {
    t.regex(/role="alert">([^<]+)</.exec(reset('en', error, 12))?.[1] ?? '', words)
  })

for (const error of [
  'a_rule_to_come',
  'other',
  '__proto__',
  'constructor',
  '"><script>',
  '{{t.reset_title}}',
])
  test(`a rule that there are no words for is told in general ones: ${error}`, t => {
    t.is(reset('en', error), reset('en', 'a_rule'))
    t.regex(reset('en', error), /role="alert">This password cannot be used/)
  })

test('the field of the new password works without script, and with a password manager', t => {
  const [field] = /<input id="new_password"[^>]+>/.exec(reset('en', undefined, 12)) ?? ['']
  for (const part of [
    'name="new_password"',
    'type="password"',
    'autocomplete="new-password"',
    'minlength="12"',
  ])
    t.true(field.includes(` ${part}`), part)
  t.regex(field, / required /)
  t.regex(field, / aria-describedby="hint">/)
  t.notRegex(field, /value=|maxlength/)
  t.regex(reset('en'), /<label for="new_password">[^<]+<\/label>/)
  t.regex(reset('en', undefined, 12), /<p class="hint" id="hint">At least 12 characters\.<\/p>/)
})

test('the hash in the policy is that of the one style sheet of every page', t => {
  for (const html of locales.flatMap(all)) {
    const styles = [...html.matchAll(/<style>([\s\S]*?)<\/style>/g)]
    t.is(styles.length, 1)
    const digest = createHash('sha256')
      .update(styles[0]?.[1] ?? '')
      .digest('base64')
    t.is(pageStyleHash, `sha256-${digest}`)
  }
})

test('the policy allows the style sheet, forms to us and to the front end, and no more', t => {
  const ours = `default-src 'none'; style-src '${pageStyleHash}'; form-action 'self'`
  const rest = "base-uri 'none'; frame-ancestors 'none'"
  t.is(pagePolicy({ FRONTEND_URL: undefined }), `${ours}; ${rest}`)
  t.is(pagePolicy({ FRONTEND_URL: 'https://app.example/x' }), `${ours} https://app.example; ${rest}`)
})

test('a token or an address cannot leave its attribute, nor be filled in again', t => {
  const hostile = { action: '"><script>', token: `'"><b>{{action}}{{t.confirm_title}}{{min}}` }
  const pages = [
    ...buttons.map(name => page('en', name, hostile)),
    page('en', 'reset', { ...hostile, min: 8 }),
    page('en', 'reset', { ...hostile, min: 8, error: 'too_short' }),
  ]
  for (const html of pages) {
    t.true(html.includes('action="&quot;&gt;&lt;script&gt;"'))
    t.true(html.includes('value="&#39;&quot;&gt;&lt;b&gt;{{action}}{{t.confirm_title}}{{min}}"'))
    t.notRegex(html, /<script|<b>/)
  }
})

test('a page that lacks what it posts is not shown', t => {
  for (const name of buttons)
    t.throws(() => page('en', name, { action: '/act' } as never), { message: /{{token}}/ })
  t.throws(() => page('en', 'reset', asked as never), { message: /{{min}}/ })
})

test('the address of a page, which holds the token, is passed on to nobody', t => {
  for (const html of locales.flatMap(all))
    t.true(html.includes('<meta name="referrer" content="no-referrer">'))
})

test('only a page that asks holds a form, and that posts', t => {
  for (const html of locales.flatMap(asking)) {
    t.deepEqual(html.match(/<form[^>]*>/g), ['<form method="post" action="/act">'])
    t.is(html.match(/<input type="hidden" name="token" value="abc">/g)?.length, 1)
    t.is(html.match(/<button type="submit">[^<]+<\/button>/g)?.length, 1)
  }
  for (const html of locales.flatMap(telling)) t.notRegex(html, /<form|<input|<button/)
})

test('an unknown language falls back', t => {
  t.is(confirm('../../x'), confirm('en'))
  t.is(confirm('es-MX'), confirm('es'))
})
