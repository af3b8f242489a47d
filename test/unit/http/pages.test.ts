import { createHash } from 'node:crypto'
import test from 'ava'
import type { CheckPassword, PasswordKind } from '../../../src/platform/base/password-policy.ts'
import {
  type ButtonPage,
  type EmailPage,
  type PageName,
  type PageOptions,
  type PlainPage,
  pageNames,
} from '../../../src/platform/pages/page-bodies.ts'
import { pagePolicy } from '../../../src/platform/pages/page-policy.ts'
import { pageStyle, sourceHash } from '../../../src/platform/pages/page-style.ts'
import { page as pageOf } from '../../../src/platform/pages/pages.ts'
import { direction } from '../../../src/platform/theme/locales.ts'
import { plainTheme } from '../../theme.ts'

// Pages: their languages, forms, content security policy, and hostile values in them.

const { locales } = plainTheme.templates
const deps = { config: { FRONTEND_URL: undefined }, theme: plainTheme }
const page = <N extends PageName>(locale: string, name: N, options: PageOptions<N>) =>
  pageOf(deps, locale, name, options).html

const formFields = { action: '/act', token: 'abc' }
const buttons: ButtonPage[] = [
  'confirm',
  'email_confirm',
  'reject',
  'undo_email',
  'undo_deletion',
  'undo_factor',
  'undo_factor_removed',
]
const plainPages: PlainPage[] = [
  'verified',
  'verified_again',
  'email_confirmed',
  'email_confirmed_again',
  'reject_done',
  'reject_again',
  'undo_email_done',
  'undo_email_again',
  'undo_deletion_done',
  'undo_deletion_again',
  'undo_factor_done',
  'undo_factor_again',
  'reset_done',
  'reset_again',
  'reset_sent',
  'verify_sent',
  'taken',
  'invalid_change',
]
const emailPages: EmailPage[] = [
  'forgot',
  'invalid_verify',
  'invalid_reset',
  'invalid_reject',
  'invalid_undo',
  'invalid_undo_factor',
]
const policy = { username: 'ada@mail.example', min: 8, kinds: ['letter', 'digit'] as const }
const reset = (locale: string, error?: string, min = 8) =>
  page(locale, 'reset', { ...formFields, ...policy, min, error })
const withoutScript = (html: string) => html.replace(/<script>[\s\S]*?<\/script>/, '')

type Rule = NonNullable<ReturnType<CheckPassword>>['rule']
const englishErrors: Record<Rule, RegExp> = {
  too_short: /too short: it needs at least 12 characters/,
  too_long: /too long/,
  needs_letter: /needs a letter/,
  needs_digit: /needs a digit/,
  needs_lower: /needs a lowercase letter/,
  needs_upper: /needs an uppercase letter/,
  needs_symbol: /needs a symbol/,
  too_common: /easy to guess/,
  same_as_email: /is your email address/,
  same_as_name: /is your name/,
}
const errors = Object.keys(englishErrors)

const registrationFacts = {
  time: new Date('2031-05-06T07:08:09Z'),
  ip: '2001:db8::7',
  device: 'Firefox, Linux',
}
const registration = (locale: string, facts = registrationFacts) =>
  page(locale, 'confirm_registration', { ...formFields, other_action: '/other', ...facts })
const emailChange = (locale: string, account = 'ada@mail.example') =>
  page(locale, 'email_confirm_account', { ...formFields, account })

const formPagesIn = (locale: string) => [
  ...buttons.map(name => page(locale, name, formFields)),
  ...[registration(locale), emailChange(locale)],
  reset(locale),
  ...errors.map(error => reset(locale, error)),
]
const plainPagesIn = (locale: string) => plainPages.map(name => page(locale, name, {}))
const emailPagesIn = (locale: string) =>
  emailPages.flatMap(name => [
    page(locale, name, { action: '/act' }),
    page(locale, name, { action: '/act', error: 'email' }),
  ])
const allPagesIn = (locale: string) => [
  ...formPagesIn(locale),
  ...emailPagesIn(locale),
  ...plainPagesIn(locale),
  page(locale, 'login_code', {}),
]
const confirm = (locale: string) => page(locale, 'confirm', formFields)

test('page names → each is covered by this file', t => {
  const others = ['reset', 'confirm_registration', 'email_confirm_account', 'login_code']
  t.deepEqual([...buttons, ...plainPages, ...emailPages, ...others].sort(), [...pageNames].sort())
})

for (const locale of locales.tags) {
  test(`pages in ${locale} → declare their language, load nothing, and only the password page has a script`, t => {
    for (const html of allPagesIn(locale)) {
      t.true(html.startsWith(`<!doctype html>\n<html lang="${locale}" dir="${direction(locale)}">`))
      t.is(html.includes('<script'), html.includes('id="new_password"'))
      t.notRegex(
        withoutScript(html),
        /<(script|link|img|iframe|base)\b|\son\w+=|\sstyle=|url\(|@import|\{\{|undefined/,
      )
      t.is(html.match(/<h1>[^<]+<\/h1>/g)?.length, 1)
      t.is(html.match(/<main>/g)?.length, 1)
    }
  })

  test(`each page in ${locale} → a title of its own that equals its heading`, t => {
    const pages = [
      ...buttons.map(name => page(locale, name, formFields)),
      ...[registration(locale), emailChange(locale)],
      ...emailPages.map(name => page(locale, name, { action: '/act' })),
      ...plainPagesIn(locale),
      page(locale, 'login_code', {}),
      reset(locale),
    ]
    const titles = pages.map(html => /<title>([^<]+) · Latchkey<\/title>/.exec(html)?.[1])
    t.is(new Set(titles).size, pageNames.length)
    t.deepEqual(
      pages.map(html => /<h1>([^<]+)<\/h1>/.exec(html)?.[1]),
      titles,
    )
  })

  test(`refused password in ${locale} → an accessible error that names the reason`, t => {
    t.notRegex(reset(locale), /role="alert"|aria-invalid=|id="error"/)
    const messages = errors.map(error => {
      const html = reset(locale, error, 12)
      t.regex(html, /<input id="new_password"[^>]* aria-describedby="error hint" aria-invalid="true">/)
      t.regex(html, /<p class="hint" id="hint">[^<]*12[^<]*<\/p>/)
      return /<p class="error" id="error" role="alert">([^<]+)<\/p>/.exec(html)?.[1]
    })
    t.is(new Set(messages).size, errors.length)
    t.true(messages[errors.indexOf('too_short')]?.includes('12'))
  })
}

for (const [error, words] of Object.entries(englishErrors))
  test(`refused password with ${error} → its message names the reason`, t => {
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
  test(`unknown password rule → a general message: ${error}`, t => {
    t.is(reset('en', error), reset('en', 'a_rule'))
    t.regex(reset('en', error), /role="alert">This password cannot be used/)
  })

test('new-password field → works without a script and with a password manager', t => {
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
  t.regex(withoutScript(reset('en')), /<p class="show" hidden>/)
})

test('style hash of the CSP → matches the only style sheet of every page', t => {
  for (const html of locales.tags.flatMap(allPagesIn)) {
    const styles = [...html.matchAll(/<style>([\s\S]*?)<\/style>/g)]
    t.is(styles.length, 1)
    const digest = createHash('sha256')
      .update(styles[0]?.[1] ?? '')
      .digest('base64')
    t.true(pagePolicy({ ...deps, script: null }).includes(`style-src 'sha256-${digest}';`))
  }
})

test('CSP of a page → allows its style sheet and forms to the service and the front end', t => {
  const ownPolicy = `default-src 'none'; style-src ${sourceHash(pageStyle(plainTheme.brand))}; form-action 'self'`
  const rest = "base-uri 'none'; frame-ancestors 'none'"
  t.is(pageOf(deps, 'en', 'verified', {}).csp, `${ownPolicy}; ${rest}`)
  const config = { FRONTEND_URL: 'https://app.example/x' }
  t.is(pageOf({ ...deps, config }, 'en', 'verified', {}).csp, `${ownPolicy} https://app.example; ${rest}`)
})

test('hostile token or address on a page → escaped in its attribute and not filled in again', t => {
  const hostile = { action: '"><script>', token: `'"><b>{{action}}{{t.confirm_title}}{{min}}` }
  const pages = [
    ...buttons.map(name => page('en', name, hostile)),
    page('en', 'reset', { ...policy, ...hostile }),
    page('en', 'reset', { ...policy, ...hostile, error: 'too_short' }),
  ]
  for (const html of pages) {
    t.true(html.includes('action="&quot;&gt;&lt;script&gt;"'))
    t.true(html.includes('value="&#39;&quot;&gt;&lt;b&gt;{{action}}{{t.confirm_title}}{{min}}"'))
    t.notRegex(withoutScript(html), /<script|<b>/)
  }
})

test('page that lacks a value of its form → an error instead of a page', t => {
  for (const name of buttons)
    t.throws(() => page('en', name, { action: '/act' } as never), { message: /{{token}}/ })
  t.throws(() => page('en', 'reset', formFields as never), { message: /{{username}}/ })
})

test('address of a page, which contains the token → never sent as a referrer', t => {
  for (const html of locales.tags.flatMap(allPagesIn))
    t.true(html.includes('<meta name="referrer" content="no-referrer">'))
})

test('forms → only on pages that ask for something, and they post', t => {
  for (const html of locales.tags.map(locale => registration(locale))) {
    t.deepEqual(html.match(/<form[^>]*>/g), [
      '<form method="post" action="/act">',
      '<form method="post" action="/other">',
    ])
    t.is(html.match(/<input type="hidden" name="token" value="abc">/g)?.length, 2)
  }
  const singleFormPagesIn = (locale: string) =>
    formPagesIn(locale).filter(html => html !== registration(locale))
  for (const html of locales.tags.flatMap(singleFormPagesIn)) {
    t.deepEqual(html.match(/<form[^>]*>/g), ['<form method="post" action="/act">'])
    t.is(html.match(/<input type="hidden" name="token" value="abc">/g)?.length, 1)
    t.is(html.match(/<button type="submit">[^<]+<\/button>/g)?.length, 1)
  }
  for (const html of locales.tags.flatMap(emailPagesIn)) {
    t.deepEqual(html.match(/<form[^>]*>/g), ['<form method="post" action="/act">'])
    t.deepEqual(html.match(/ name="\w+"/g)?.slice(-1), [' name="email"'])
  }
  for (const html of locales.tags.flatMap(plainPagesIn)) t.notRegex(html, /<form|<input|<button/)
})

test('hostile registration facts on a page → shown as text, or as Unknown if empty', t => {
  const markup = '"><script>alert(1)</script>{{token}}'
  const html = registration('en', { ...registrationFacts, ip: markup, device: '' })
  t.true(html.includes('<dd><bdi>&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;{{token}}</bdi></dd>'))
  t.true(html.includes('<dt>Device</dt>\n<dd><bdi>Unknown</bdi></dd>'))
  t.true(html.includes('May 6, 2031'))
  t.true(emailChange('en', markup).includes('&lt;script&gt;'))
})

// Password rules that an operator can set, and the hint that the page must show for them.
const hints: [kinds: PasswordKind[], words: Record<string, string>, rules: string][] = [
  [
    ['letter', 'digit'],
    {
      en: 'At least 12 characters, with a letter and a digit.',
      es: 'Al menos 12 caracteres, con una letra y un número.',
      ar: 'الحد الأدنى لعدد الأحرف: 12. ويجب أن تتضمن كلمة المرور حرفًا ورقمًا.',
    },
    'minlength: 12; required: lower, upper; required: digit',
  ],
  [
    ['letter', 'lower', 'upper', 'symbol'],
    {
      en: 'At least 12 characters, with a lowercase letter, an uppercase letter, and a symbol such as ! or #.',
      es: 'Al menos 12 caracteres, con una letra minúscula, una letra mayúscula y un símbolo como ! o #.',
      ar: 'الحد الأدنى لعدد الأحرف: 12. ويجب أن تتضمن كلمة المرور حرفًا لاتينيًا صغيرًا وحرفًا لاتينيًا كبيرًا ورمزًا مثل ! أو #.',
    },
    'minlength: 12; required: lower; required: upper; required: special',
  ],
  [
    [],
    {
      en: 'At least 12 characters.',
      es: 'Al menos 12 caracteres.',
      ar: 'الحد الأدنى لعدد الأحرف: 12.',
    },
    'minlength: 12',
  ],
]
for (const [kinds, words, rules] of hints)
  test(`PASSWORD_REQUIRE=${kinds} → the new-password page says so in every language`, t => {
    for (const locale of locales.tags) {
      const html = page(locale, 'reset', { ...formFields, ...policy, kinds, min: 12 })
      t.is(/<p class="hint" id="hint">([^<]+)<\/p>/.exec(html)?.[1], words[locale])
      t.true(html.includes(` passwordrules="${rules}"`))
    }
  })

test('new-password page → names the account for a password manager and does not post it', t => {
  const html = reset('en')
  const [field = ''] = /<input class="shown"[^>]+>/.exec(html) ?? []
  t.regex(field, / autocomplete="username" value="ada@mail\.example" readonly/)
  t.notRegex(field, / name=/)
  t.regex(html, /<label for="username">[^<]+<\/label>/)
  t.true(html.indexOf('autocomplete="username"') < html.indexOf('autocomplete="new-password"'))
})

test('script of the new-password page → allowed by its hash on this page only', t => {
  const { html, csp } = pageOf(deps, 'en', 'reset', { ...formFields, ...policy })
  const [, script = ''] = /<script>([\s\S]*?)<\/script>/.exec(html) ?? []
  t.true(csp.includes(`; script-src ${sourceHash(script)};`))
  for (const name of plainPages) t.false(pageOf(deps, 'en', name, {}).csp.includes('script-src'))
})

test('FRONTEND_URL set → final pages link to the front end, without it they have no link', t => {
  const config = { FRONTEND_URL: 'https://app.example/x?a="><b>' }
  for (const name of plainPages) {
    const { html } = pageOf({ ...deps, config }, 'en', name, {})
    const link = '<a class="button" href="https://app.example/x?a=&quot;&gt;&lt;b&gt;">'
    t.true(html.includes(`${link}Continue to <bdi>Latchkey</bdi></a>`), name)
    t.notRegex(page('en', name, {}), /<a\b/, name)
  }
})

test('unknown language of a page → falls back to English or the base language', t => {
  t.is(confirm('../../x'), confirm('en'))
  t.is(confirm('es-MX'), confirm('es'))
})
