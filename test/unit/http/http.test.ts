import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import anyTest from 'ava'
import type { CheckPassword, PasswordKind } from '../../../src/platform/base/password-policy.ts'
import { readConfig } from '../../../src/platform/config/config.ts'
import type { TrustedProxies } from '../../../src/platform/config/variable-rules.ts'
import { behindProxy, clientOf, normalAddress } from '../../../src/platform/http/client.ts'
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

// The address of a client, and hostile values in pages.

const test = anyTest.serial

const { locales } = plainTheme.templates
const deps = { config: { FRONTEND_URL: undefined }, theme: plainTheme }
const page = <N extends PageName>(locale: string, name: N, options: PageOptions<N>) =>
  pageOf(deps, locale, name, options).html

{
  const addresses: [given: string, normal: string | null][] = [
    ['198.51.100.7', '198.51.100.7'],
    ['::ffff:198.51.100.7', '198.51.100.7'],
    ['::FFFF:198.51.100.7', '198.51.100.7'],
    ['::ffff:c633:6407', '198.51.100.7'],
    ['0:0:0:0:0:ffff:198.51.100.7', '198.51.100.7'],
    ['0000:0000:0000:0000:0000:ffff:c633:6407', '198.51.100.7'],
    ['::ffff:0.0.0.1', '0.0.0.1'],
    ['::1', '0:0:0:0:0:0:0:1'],
    ['::', '0:0:0:0:0:0:0:0'],
    ['2001:DB8::a', '2001:db8:0:0:0:0:0:a'],
    ['2001:0db8:0000:0000:0000:0000:0000:000a', '2001:db8:0:0:0:0:0:a'],
    ['2001:db8:0:0:1::', '2001:db8:0:0:1:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0:0:0:0:1'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['64:ff9b::198.51.100.7', '64:ff9b:0:0:0:0:c633:6407'],
    ['::fffe:198.51.100.7', '0:0:0:0:0:fffe:c633:6407'],
    ['', null],
    ['localhost', null],
    ['198.51.100', null],
    ['198.51.100.256', null],
    ['0198.51.100.7', null],
    ['0xc6.51.100.7', null],
    ['198.51.100.7:80', '198.51.100.7'],
    ['[::1]', '0:0:0:0:0:0:0:1'],
    ['[2001:db8::a]:4711', '2001:db8:0:0:0:0:0:a'],
    ['198.51.100.7:', null],
    ['1:2:3:4:5:6:7', null],
    ['::1::', null],
    ['::ffff:198.51.100.7/96', null],
    ['%', null],
    ['::1]/x', null],
  ]
  for (const [given, normal] of addresses)
    test(`"${given}" is ${normal ?? 'no address'}`, t => {
      t.is(normalAddress(given), normal)
      if (normal) t.is(normalAddress(normal), normal, 'the normal form is its own')
    })

  const request = (remoteAddress: string | undefined, headers: Record<string, string> = {}) =>
    ({ socket: { remoteAddress }, headers }) as unknown as IncomingMessage
  const seen = (proxies: TrustedProxies, forwarded: string, peer: string | undefined = '192.0.2.1') => {
    const { ip, network } = clientOf(request(peer, { 'x-forwarded-for': forwarded }), proxies, locales)
    return { ip, network }
  }

  test('IPv6 is counted by /64, IPv4 by address', t => {
    t.deepEqual(seen(0, '', '2001:db8:a:b:c:d:e:f'), {
      ip: '2001:db8:a:b:c:d:e:f',
      network: '2001:db8:a:b::/64',
    })
    t.is(seen(0, '', '2001:db8:a:b::').network, '2001:db8:a:b::/64')
    t.is(seen(0, '', '::1').network, '0:0:0:0::/64')
    t.is(seen(0, '', '::ffff:192.0.2.9').network, '192.0.2.9')
    t.not(seen(0, '', '2001:db8:a:b::').network, seen(0, '', '2001:db8:a:c::').network)
  })

  test('the hop that the outermost trusted proxy saw is read from the right', t => {
    const hops = '198.51.100.1, 198.51.100.2,198.51.100.3'
    t.is(seen(0, hops).ip, '192.0.2.1')
    t.is(seen(1, hops).ip, '198.51.100.3')
    t.is(seen(2, hops).ip, '198.51.100.2')
    t.is(seen(3, hops).ip, '198.51.100.1')
    t.is(seen(1, '').ip, '192.0.2.1')
    t.is(seen(1, '198.51.100.1, junk').ip, '192.0.2.1', 'never further left than it should')
    t.is(seen(1, '198.51.100.1,\t198.51.100.3 \t').ip, '198.51.100.3')
    t.is(seen(1, '198.51.100.1,\xA0198.51.100.3').ip, '192.0.2.1', 'HTTP knows no other white space')
  })

  test('a socket that is gone already has an address too', t => {
    t.is(clientOf(request(undefined), 0, locales).ip, '0.0.0.0')
  })

  test('a browser may call itself whatever it likes, in 256 characters', t => {
    const { userAgent } = clientOf(request('::1', { 'user-agent': 'x'.repeat(10_000) }), 0, locales)
    t.is(userAgent.length, 256)
    t.is(clientOf(request('::1'), 0, locales).userAgent, '')
  })

  /** As an operator would write it. */
  const trusting = (text: string): TrustedProxies => {
    const read = readConfig(
      { NODE_ENV: 'test', TRUSTED_PROXIES: text, APP_SECRET: 'x'.repeat(32), DATABASE_URL: 'postgres://h/d' },
      'migrate',
    )
    if ('errors' in read) throw new Error(read.errors.join())
    return read.config.TRUSTED_PROXIES
  }

  const ours = trusting('10.0.0.0/8, 192.0.2.1,2001:db8:ff::/48')

  test('of trusted networks, the first hop from the right that is none of them is the client', t => {
    t.is(seen(ours, '198.51.100.1, 198.51.100.2').ip, '198.51.100.2')
    t.is(seen(ours, '198.51.100.1, 10.1.2.3').ip, '198.51.100.1')
    t.is(seen(ours, '6.6.6.6, 198.51.100.1, 10.1.2.3, 2001:db8:ff::1').ip, '198.51.100.1')
    t.is(seen(ours, '198.51.100.1, ::ffff:10.1.2.3, [2001:db8:ff::1]:443').ip, '198.51.100.1')
    t.is(seen(ours, '10.0.0.1, 10.0.0.2').ip, '10.0.0.1', 'from within: the outermost that was seen')
    t.is(seen(ours, '').ip, '192.0.2.1')
  })

  test('whoever comes past the trusted proxies is counted by their own address, whatever they write', t => {
    for (const peer of ['203.0.113.5', '::ffff:203.0.113.5']) {
      t.is(seen(ours, '198.51.100.1, 10.0.0.1', peer).ip, '203.0.113.5')
      t.false(behindProxy(request(peer), ours))
    }
    t.true(behindProxy(request('::ffff:10.9.9.9'), ours))
    t.false(behindProxy(request(undefined), ours))
    t.false(behindProxy(request('192.0.2.1'), 0))
    t.true(behindProxy(request('192.0.2.1'), 1))
  })

  test('a hop that is no address ends the walk, and nothing further left is believed', t => {
    t.is(seen(ours, '198.51.100.1, junk, 10.0.0.1').ip, '10.0.0.1')
    t.is(seen(ours, '198.51.100.1, junk').ip, '192.0.2.1')
    t.is(seen(ours, '198.51.100.1, unknown, 198.51.100.9').ip, '198.51.100.9')
  })

  test('what is no list of networks is refused at the start', t => {
    const wrong = [
      '11',
      '-1',
      '1.5',
      '10.0.0.0/33',
      '::/129',
      '0.0.0.0/0',
      '::/0',
      '10.0.0.0/',
      '10.0.0/8',
      'loopback',
    ]
    for (const text of [...wrong, '10.0.0.0/8;192.0.2.1', '10.0.0.0/8,', 'true', '*', '10.0.0.0 /8'])
      t.throws(() => trusting(text), { message: /^TRUSTED_PROXIES must be/ }, text)
    t.is(trusting('0'), 0)
    t.is(trusting('10'), 10)
  })
}

{
  const asked = { action: '/act', token: 'abc' }
  const buttons: ButtonPage[] = ['confirm', 'email_confirm', 'reject', 'undo_email', 'undo_deletion']
  const plain: PlainPage[] = [
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
    'reset_done',
    'reset_again',
    'reset_sent',
    'verify_sent',
    'taken',
    'invalid_change',
  ]
  const emailAsking: EmailPage[] = [
    'forgot',
    'invalid_verify',
    'invalid_reset',
    'invalid_reject',
    'invalid_undo',
  ]
  const policy = { username: 'ada@mail.example', min: 8, kinds: ['letter', 'digit'] as const }
  const reset = (locale: string, error?: string, min = 8) =>
    page(locale, 'reset', { ...asked, ...policy, min, error })
  const withoutScript = (html: string) => html.replace(/<script>[\s\S]*?<\/script>/, '')

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

  const made = { time: new Date('2031-05-06T07:08:09Z'), ip: '2001:db8::7', device: 'Firefox, Linux' }
  const registration = (locale: string, facts = made) =>
    page(locale, 'confirm_registration', { ...asked, other_action: '/other', ...facts })
  const move = (locale: string, account = 'ada@mail.example') =>
    page(locale, 'email_confirm_account', { ...asked, account })

  const asking = (locale: string) => [
    ...buttons.map(name => page(locale, name, asked)),
    ...[registration(locale), move(locale)],
    reset(locale),
    ...errors.map(error => reset(locale, error)),
  ]
  const telling = (locale: string) => plain.map(name => page(locale, name, {}))
  const askingForEmail = (locale: string) =>
    emailAsking.flatMap(name => [
      page(locale, name, { action: '/act' }),
      page(locale, name, { action: '/act', error: 'email' }),
    ])
  const all = (locale: string) => [...asking(locale), ...askingForEmail(locale), ...telling(locale)]
  const confirm = (locale: string) => page(locale, 'confirm', asked)

  test('no page is left out here', t => {
    const others = ['reset', 'confirm_registration', 'email_confirm_account']
    t.deepEqual([...buttons, ...plain, ...emailAsking, ...others].sort(), [...pageNames].sort())
  })

  for (const locale of locales.tags) {
    test(`pages in ${locale} say their language, load nothing, and run no script but to show a password`, t => {
      for (const html of all(locale)) {
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

    test(`each page in ${locale} has a title of its own, which is its heading`, t => {
      const pages = [
        ...buttons.map(name => page(locale, name, asked)),
        ...[registration(locale), move(locale)],
        ...emailAsking.map(name => page(locale, name, { action: '/act' })),
        ...telling(locale),
        reset(locale),
      ]
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
    t.regex(withoutScript(reset('en')), /<p class="show" hidden>/)
  })

  test('the hash in the policy is that of the one style sheet of every page', t => {
    for (const html of locales.tags.flatMap(all)) {
      const styles = [...html.matchAll(/<style>([\s\S]*?)<\/style>/g)]
      t.is(styles.length, 1)
      const digest = createHash('sha256')
        .update(styles[0]?.[1] ?? '')
        .digest('base64')
      t.true(pagePolicy({ ...deps, script: null }).includes(`style-src 'sha256-${digest}';`))
    }
  })

  test('the policy allows the style sheet, forms to us and to the front end, and no more', t => {
    const ours = `default-src 'none'; style-src ${sourceHash(pageStyle(plainTheme.brand))}; form-action 'self'`
    const rest = "base-uri 'none'; frame-ancestors 'none'"
    t.is(pageOf(deps, 'en', 'verified', {}).csp, `${ours}; ${rest}`)
    const config = { FRONTEND_URL: 'https://app.example/x' }
    t.is(pageOf({ ...deps, config }, 'en', 'verified', {}).csp, `${ours} https://app.example; ${rest}`)
  })

  test('a token or an address cannot leave its attribute, nor be filled in again', t => {
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

  test('a page that lacks what it posts is not shown', t => {
    for (const name of buttons)
      t.throws(() => page('en', name, { action: '/act' } as never), { message: /{{token}}/ })
    t.throws(() => page('en', 'reset', asked as never), { message: /{{username}}/ })
  })

  test('the address of a page, which holds the token, is passed on to nobody', t => {
    for (const html of locales.tags.flatMap(all))
      t.true(html.includes('<meta name="referrer" content="no-referrer">'))
  })

  test('only a page that asks holds a form, and that posts', t => {
    for (const html of locales.tags.map(locale => registration(locale))) {
      t.deepEqual(html.match(/<form[^>]*>/g), [
        '<form method="post" action="/act">',
        '<form method="post" action="/other">',
      ])
      t.is(html.match(/<input type="hidden" name="token" value="abc">/g)?.length, 2)
    }
    const askingOnce = (locale: string) => asking(locale).filter(html => html !== registration(locale))
    for (const html of locales.tags.flatMap(askingOnce)) {
      t.deepEqual(html.match(/<form[^>]*>/g), ['<form method="post" action="/act">'])
      t.is(html.match(/<input type="hidden" name="token" value="abc">/g)?.length, 1)
      t.is(html.match(/<button type="submit">[^<]+<\/button>/g)?.length, 1)
    }
    for (const html of locales.tags.flatMap(askingForEmail)) {
      t.deepEqual(html.match(/<form[^>]*>/g), ['<form method="post" action="/act">'])
      t.deepEqual(html.match(/ name="\w+"/g)?.slice(-1), [' name="email"'])
    }
    for (const html of locales.tags.flatMap(telling)) t.notRegex(html, /<form|<input|<button/)
  })

  test('what a stranger chose is text on a page, and unknown where there is none', t => {
    const markup = '"><script>alert(1)</script>{{token}}'
    const html = registration('en', { ...made, ip: markup, device: '' })
    t.true(html.includes('<dd><bdi>&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;{{token}}</bdi></dd>'))
    t.true(html.includes('<dt>Device</dt>\n<dd><bdi>Unknown</bdi></dd>'))
    t.true(html.includes('May 6, 2031'))
    t.true(move('en', markup).includes('&lt;script&gt;'))
  })

  // What the operator asks for, and what the page must say of it.
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
    test(`PASSWORD_REQUIRE=${kinds} → the page of a new password says so, in every language`, t => {
      for (const locale of locales.tags) {
        const html = page(locale, 'reset', { ...asked, ...policy, kinds, min: 12 })
        t.is(/<p class="hint" id="hint">([^<]+)<\/p>/.exec(html)?.[1], words[locale])
        t.true(html.includes(` passwordrules="${rules}"`))
      }
    })

  test('the page of a new password → names its account for a password manager, and does not post it', t => {
    const html = reset('en')
    const [field = ''] = /<input class="shown"[^>]+>/.exec(html) ?? []
    t.regex(field, / autocomplete="username" value="ada@mail\.example" readonly/)
    t.notRegex(field, / name=/)
    t.regex(html, /<label for="username">[^<]+<\/label>/)
    t.true(html.indexOf('autocomplete="username"') < html.indexOf('autocomplete="new-password"'))
  })

  test('the script of the page of a new password → allowed by its hash, and on no other page', t => {
    const { html, csp } = pageOf(deps, 'en', 'reset', { ...asked, ...policy })
    const [, script = ''] = /<script>([\s\S]*?)<\/script>/.exec(html) ?? []
    t.true(csp.includes(`; script-src ${sourceHash(script)};`))
    for (const name of plain) t.false(pageOf(deps, 'en', name, {}).csp.includes('script-src'))
  })

  test('a front end → pages where nothing is left to do lead to it; without one they lead nowhere', t => {
    const config = { FRONTEND_URL: 'https://app.example/x?a="><b>' }
    for (const name of plain) {
      const { html } = pageOf({ ...deps, config }, 'en', name, {})
      const link = '<a class="button" href="https://app.example/x?a=&quot;&gt;&lt;b&gt;">'
      t.true(html.includes(`${link}Continue to <bdi>Latchkey</bdi></a>`), name)
      t.notRegex(page('en', name, {}), /<a\b/, name)
    }
  })

  test('an unknown language falls back', t => {
    t.is(confirm('../../x'), confirm('en'))
    t.is(confirm('es-MX'), confirm('es'))
  })
}
