import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import anyTest from 'ava'
import { emails as allEmails } from '../../../src/modules.ts'
import type { EmailDefinition, EmailValues } from '../../../src/platform/catalog/email-definition.ts'
import { emails } from '../../../src/platform/catalog/emails.ts'
import type { NewEmail } from '../../../src/platform/mail/outbox.ts'
import { compileAll, render as renderEmail } from '../../../src/platform/mail/render.ts'
import { direction } from '../../../src/platform/theme/locales.ts'
import { escapeHtml } from '../../../src/platform/theme/template.ts'
import { ownTemplates } from '../../../src/platform/theme/templates.ts'
import { kill } from '../../spawn.ts'
import { plainTheme } from '../../theme.ts'

// Emails: their templates, hostile values, and the preview.

const test = anyTest.serial

const locales = plainTheme.templates.locales.tags
const render = <E extends EmailDefinition>(email: E, locale: string, values: EmailValues<E>) =>
  renderEmail(plainTheme, email, locale, values)

{
  const link = 'https://api.example/v?token=abc'
  // Values that no template contains by itself.
  const unusual: Record<string, string> = {
    ...{ name: 'Zoltán', link, remove_link: 'https://api.example/r?token=abc', code: '482913' },
    ...{ time: '2031-05-06T07:08:09Z', ip: '2001:db8::7', device: 'curl/8.1' },
    ...{ minutes: '41', hours: '37', days: '13' },
    ...{ email: 'z••@mail.example', account: 'zoltan@old.example', amount: '1250050 GTQ' },
  }
  const samples = Object.fromEntries(
    allEmails.map(({ kind, sample }) => {
      const values = Object.entries(sample).map(([name, value]) => [name, unusual[name] ?? value])
      return [kind, Object.fromEntries(values)]
    }),
  ) as { [K in keyof typeof emails]: EmailValues<(typeof emails)[K]> } & Record<
    string,
    Record<string, string>
  >
  const shownAs: Record<string, string> = { time: '07:08', email: 'z••', account: 'zoltan', amount: '12' }

  test('a thief names a passkey like a notice of the service → the email still says what was added', async t => {
    const added = { ...samples.factor_added, factor_type: 'passkey', factor: 'Routine check, nothing to do' }
    const removed = { ...samples.factor_removed, factor_type: 'recovery_codes', factor: 'x' }
    t.regex(
      (await render(emails.factor_added, 'es', added)).text,
      /Añadido\nLlave de acceso\n\nNombre\nRoutine/,
    )
    t.regex((await render(emails.factor_removed, 'en', removed)).text, /Removed\nRecovery codes\n/)
    const unknown = { ...samples.factor_added, factor_type: '' }
    t.regex(
      (await render(emails.factor_added, 'en', unknown)).text,
      /Added\nUnknown\n/,
      'queued by an older version',
    )
  })

  const read = (...path: string[]) => readFile(join(ownTemplates, ...path), 'utf8')
  const wordsOf = async (locale: string, name: string): Promise<Record<string, string>> =>
    JSON.parse(await read(locale, `${name}.json`))
  const placeholders = (text: string) =>
    new Set([...text.matchAll(/\{\{(.*?)\}\}/g)].map(([, name]) => name ?? ''))
  const cases = locales.flatMap(locale => allEmails.map(email => ({ locale, email })))

  test('every email in every language → compiles', async t => {
    await t.notThrowsAsync(compileAll(plainTheme))
  })

  for (const { locale, email } of cases) {
    const { kind, variables } = email
    const values = samples[kind] ?? {}

    test(`${kind} in ${locale} → every variable is in both parts and no placeholder is left`, async t => {
      const { html, text } = await render(email, locale, values)
      const { type_totp } = await wordsOf(locale, kind)
      for (const name of variables) {
        const shown = (name === 'factor_type' ? type_totp : shownAs[name]) ?? values[name] ?? ''
        t.true(html.includes(shown), `${name} in HTML`)
        t.true(text.includes(shown), `${name} in text`)
      }
      t.notRegex(html + text, /\{\{|undefined|NaN|Invalid/)
    })

    test(`${kind} in ${locale} → declares language and direction, loads nothing and is under 40 kB`, async t => {
      const { html } = await render(email, locale, values)
      t.true(html.includes(`<html lang="${locale}" dir="${direction(locale)}"`))
      t.true(html.includes(`role="article" lang="${locale}" dir="${direction(locale)}"`))
      t.notRegex(html, /<(link|img|script|iframe)\b|@import|url\(/)
      t.true(Buffer.byteLength(html) < 40_000, 'some email programs cut long emails')
    })

    test(`${kind} in ${locale} → the subject is one short line`, async t => {
      const { subject } = await render(email, locale, values)
      t.regex(subject, /^\S[^\r\n]{5,70}\S$/)
    })

    test(`${kind} in ${locale} with a missing variable → an error instead of an email`, async t => {
      for (const name of variables) {
        const { [name]: _, ...rest } = values
        await t.throwsAsync(render(email, locale, rest as never), { message: new RegExp(`{{${name}}}`) })
        await t.throwsAsync(render(email, locale, { ...rest, [name]: undefined } as never))
      }
    })

    test(`words of ${kind} in ${locale} → same keys as English, all used, no undeclared variable`, async t => {
      const words = await wordsOf(locale, kind)
      t.deepEqual(Object.keys(words).sort(), Object.keys(await wordsOf('en', kind)).sort())
      for (const [name, word] of Object.entries(words)) t.truthy(word.trim(), name)
      const sources = (
        await Promise.all(
          ['layout.mjml', 'layout.txt', `${kind}.mjml`, `${kind}.txt`].map(name => read(name)),
        )
      ).join('')
      const used = placeholders(sources)
      for (const name of Object.keys(words))
        t.true(
          used.has(`t.${name}`) ||
            ['subject', 'greeting', 'greeting_anonymous', 'unknown'].includes(name) ||
            name.startsWith('type_'),
          name,
        )
      const declared = new Set<string>([
        ...variables,
        ...['greeting', 'content', 'header', 'contact', 'signature', 'brand'],
      ])
      for (const name of [...used, ...placeholders(Object.values(words).join(''))])
        t.true(declared.has(name) || name.startsWith('t.'), name)
    })
  }

  for (const locale of locales)
    test(`words of the pages in ${locale} → same keys and variables as English`, async t => {
      const words = await wordsOf(locale, 'pages')
      const english = await wordsOf('en', 'pages')
      t.deepEqual(Object.keys(words).sort(), Object.keys(english).sort())
      for (const [name, word] of Object.entries(words)) {
        t.truthy(word.trim(), name)
        t.deepEqual(placeholders(word), placeholders(english[name] ?? ''), name)
      }
      t.deepEqual([...placeholders(Object.values(words).join(''))].sort(), ['brand', 'kinds', 'min'])
    })

  for (const locale of locales)
    test(`durations in ${locale} → exactly one text for each plural form`, async t => {
      const words = await wordsOf(locale, 'durations')
      const rules = new Intl.PluralRules(locale)
      const kinds = new Set(Array.from({ length: 400 }, (_, at) => rules.select(at + 1)))
      const wanted = ['minutes', 'hours', 'days'].flatMap(unit => [...kinds].map(kind => `${unit}_${kind}`))
      t.deepEqual(Object.keys(words).sort(), wanted.sort())
    })

  test('Arabic emails → right to left, except codes, addresses and links', async t => {
    for (const email of allEmails) {
      const { html } = await render(email, 'ar', samples[email.kind] ?? {})
      t.true(html.includes('<html lang="ar" dir="rtl"'))
      t.notRegex(html, /direction:ltr|text-align:left;color/)
      if (email.variables.includes('code')) t.regex(html, /dir="ltr"[^>]*>482913</)
      if (email.variables.includes('email')) t.regex(html, /<bdi dir="ltr"[^>]*>z••/)
      if (email.variables.includes('link')) t.regex(html, /<a href="[^"]+" dir="ltr"/)
    }
  })

  test('time in an email → written in the language of the reader', async t => {
    t.true(
      (await render(emails.session_reuse, 'es-MX', samples.session_reuse)).text.includes('6 de mayo de 2031'),
    )
  })

  // All durations follow a preposition. Arabic has a dual, whose ending follows the case. It counts 3 to 10
  // in the plural, 11 to 99 in the accusative singular, and whole hundreds in the genitive singular.
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
      minutes: {
        1: 'دقيقة واحدة',
        2: 'دقيقتين',
        3: '3 دقائق',
        10: '10 دقائق',
        11: '11 دقيقة',
        60: '60 دقيقة',
      },
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
  const withDuration = {
    minutes: (amount: string, locale: string) =>
      render(emails.reset_password, locale, { ...samples.reset_password, minutes: amount }),
    hours: (amount: string, locale: string) =>
      render(emails.verify_email, locale, { ...samples.verify_email, hours: amount }),
    days: (amount: string, locale: string) =>
      render(emails.account_deleted, locale, { ...samples.account_deleted, days: amount }),
  }
  for (const [locale, units] of Object.entries(durations))
    for (const unit of ['minutes', 'hours', 'days'] as const)
      test(`${unit} in ${locale} → the plural form fits the number, in the digits of the code`, async t => {
        for (const [amount, words] of Object.entries(units[unit])) {
          const { html, text } = await withDuration[unit](amount, locale)
          const whole = new RegExp(`(?<![\\p{L}\\p{N}])${words}(?!\\p{L})`, 'u')
          t.regex(html, whole)
          t.regex(text, whole)
        }
      })

  test('duration that is not a number → an error instead of an email', async t => {
    for (const hours of ['', 'soon', 'NaN'])
      await t.throwsAsync(render(emails.verify_email, 'en', { ...samples.verify_email, hours }), {
        message: 'hours is not a number',
      })
  })

  test('security notice without time, address or device → sent with "Unknown"', async t => {
    const unknown = { name: '', time: '', ip: '', device: '' }
    for (const email of [emails.session_reuse, emails.password_changed, emails.new_device]) {
      const { text } = await render<EmailDefinition>(email, 'en', { ...unknown, link })
      for (const label of ['Time', 'IP address', 'Device']) t.true(text.includes(`${label}\nUnknown\n`))
    }
    const { text } = await render(emails.email_changed, 'en', { name: '', email: '', link, days: '7' })
    t.true(text.includes('New address\nUnknown\n'))
  })

  test('unknown language of an email → English', async t => {
    const english = await render(emails.welcome, 'en', samples.welcome)
    for (const locale of ['xx', '', '../../etc', '__proto__'])
      t.deepEqual(await render(emails.welcome, locale, samples.welcome), english)
  })

  test('email without a declared variable → does not type-check', t => {
    type Lacking = { name: string } extends EmailValues<typeof emails.welcome> ? true : false
    const accepted: Lacking = false
    t.false(accepted)
  })

  test('email queued without its data → does not type-check', t => {
    type Queued = { recipient: string; userId: null; locale: string }
    type Lacking = Queued extends NewEmail<'time'> ? true : false
    type Needless = Queued & { data: { time: string } } extends NewEmail ? true : false
    const accepted: Lacking | Needless = false
    t.false(accepted)
  })
}

{
  // An attacker can register the address of a victim under any name, so the name is text of the attacker in
  // our email. The device is the user agent of a client, which an attacker chooses too.

  const link = 'https://api.example/verify?token=abc&x=1'
  const verify = (name: string, locale = 'en') =>
    render(emails.verify_invited, locale, { name, link, code: '482913', hours: '24' })
  const reuse = (device: string, ip = '192.0.2.1') =>
    render(emails.session_reuse, 'en', { name: 'Ana', time: '2026-11-21T06:17:00Z', ip, device })

  const markup = [
    '<a href=evil>click</a>',
    '</mj-text><mj-include path="/etc/passwd">',
    `"><img src=x onerror='alert(1)'>`,
    '&lt;b&gt;',
    '<!-- --><![endif]-->',
  ]
  for (const name of markup)
    test(`markup in a name → shown as text: ${name}`, async t => {
      for (const locale of locales) {
        const hostile = await verify(name, locale)
        const honest = await verify('Ana', locale)
        t.true(hostile.html.includes(escapeHtml(name)))
        t.is(hostile.html.replaceAll(escapeHtml(name), 'Ana'), honest.html)
        t.true(hostile.text.includes(name))
      }
    })

  for (const name of ['{{code}}', '{{hours}}', '{{greeting}}', '$&', '$1'])
    test(`placeholder or replacement pattern in a name → not expanded: ${name}`, async t => {
      const { html, text } = await verify(name)
      t.true(html.includes(`Hello ${escapeHtml(name)},`))
      t.true(text.startsWith(`Hello ${name},`))
    })

  const addresses = [
    'https://evil.example/x',
    'Your account is locked, see evil.example',
    'WWW.evil',
    'ftp://x',
    'me@evil.example',
    'evil．example',
    'evil。example',
    'ev\u200Bil.e\u200Bxample',
    'http:\u200B//evil',
    'пример.рф',
    'evil｡example',
    'evil․example',
    'www。evil',
    'भारत.भारत',
    '❤.ws',
    'security@evil.com',
    'security@evil。com',
    '1.1.1.1',
    '1.1.1.1/login',
    '１．１．１．１/login',
    '1。1。1。1/login',
    'javascript:alert(1)',
    'JavaScript\u200B:alert(1)',
    'data:text/html,x',
    'mailto:me@evil',
    'tel:110',
    'hxxp://evil',
    'hxxps:evil',
    'Call +1 (800) 555-0199',
  ]
  for (const name of addresses)
    test(`name that email programs would link → left out: ${JSON.stringify(name)}`, async t => {
      const hostile = await verify(name)
      t.deepEqual(hostile, await verify(''))
      t.true(hostile.text.startsWith('Hello,\n'))
    })

  for (const name of [
    'J. R. R. Tolkien',
    'J.R.R. Tolkien',
    'Dr. Ana López',
    "Conan O'Brien",
    'ليلى',
    '李 小龍',
    'Louis XIV',
    'Ana, see: Bob',
    'Ana (she:her)',
    'Ana @ Home',
    'علی\u200Cرضا',
    '👩\u200D💻',
  ])
    test(`honest name with dots, colons or joiners → kept: ${name}`, async t => {
      const { html, text } = await verify(name)
      t.true(text.startsWith(`Hello ${name},\n`))
      t.true(html.includes(`Hello ${escapeHtml(name)},`))
    })

  test('line breaks in a name → replaced by spaces, so that they forge no paragraph or header', async t => {
    const { text, subject } = await verify('Ana\r\nBcc: victim@x\n\nYour code changed\u2028now\0')
    t.true(text.startsWith('Hello Ana Bcc: victim@x Your code changed now,\n'))
    t.notRegex(subject, /[\r\n]/)
  })

  test('direction overrides in a name → removed, so that later text keeps its direction', async t => {
    const { text, html } = await verify('Ana\u202E\u2066gro\u200F')
    t.true(text.startsWith('Hello Ana gro,\n'))
    t.notRegex(html, /[\u200F\u202E\u2066]/)
  })

  test('long name → cut at 64 code points, between characters', async t => {
    const { text } = await verify('😀'.repeat(100_000))
    t.true(text.startsWith(`Hello ${'😀'.repeat(64)},\n`))
  })

  test('name like an address without a top-level domain → text without a link', async t => {
    const { html, text } = await verify('security@evil')
    t.true(text.startsWith('Hello security@evil,\n'))
    t.notRegex(html, /href="[^"]*evil/)
    t.is(html.match(/<a /g)?.length, (await verify('Ana')).html.match(/<a /g)?.length)
  })

  for (const name of ['', ' ', '\r\n', '\u200F', '\u3164', '\u2800\u200B'])
    test(`no visible name → a greeting without a name: ${JSON.stringify(name)}`, async t => {
      const greetings = { en: 'Hello,', es: 'Hola:', ar: 'مرحبًا،' }
      for (const [locale, greeting] of Object.entries(greetings))
        t.true((await verify(name, locale)).text.startsWith(`${greeting}\n`))
    })

  test('device text with a link → Unknown, a real user agent → shown', async t => {
    const real =
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36'
    t.true((await reuse(real)).text.includes(`Device\n${real}\n`))
    for (const device of ['Restore access at evil.example', 'bot (+https://evil/)', ''])
      t.true((await reuse(device)).text.includes('Device\nUnknown\n'))
    t.true((await reuse('<b>x</b>')).html.includes('&lt;b&gt;x&lt;/b&gt;'))
    t.true((await reuse(real, '')).text.includes('IP address\nUnknown\n'))
  })

  test('new address of a moved account → shown, but not as a link', async t => {
    const moved = (email: string, locale = 'en') =>
      render(emails.email_changed, locale, { name: 'Ana', email, link, days: '7' })
    for (const locale of locales) {
      const { html, text } = await moved('t••@www.call-support.evil.example', locale)
      for (const part of [html, text]) {
        t.true(part.replaceAll('\u200B', '').includes('t••@www.call-support.evil.example'))
        t.notRegex(part, /t••@|www\.call|evil\.example/)
      }
    }
    const { html, text } = await moved('<b>@x\r\nhttps://evil\u202E')
    t.true(html.replaceAll('\u200B', '').includes('&lt;b&gt;@x https://evil<'))
    t.notRegex(html + text, /<b>@|https:\/\/evil|\u202E/)
  })

  test('hostile link of an email → escaped within its attribute', async t => {
    const { html, text } = await render(emails.welcome, 'en', {
      name: '',
      link: 'https://x/?a="><script>&b=1',
    })
    t.true(html.includes('href="https://x/?a=&quot;&gt;&lt;script&gt;&amp;b=1"'))
    t.false(html.includes('<script'))
    t.true(text.includes('https://x/?a="><script>&b=1'))
  })
}

{
  const script = fileURLToPath(new URL('../../../src/processes/preview-emails.ts', import.meta.url))

  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  let url = ''
  anyTest.before(async () => {
    const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
    url = /http:\S+/.exec(line)?.[0] ?? ''
  })
  anyTest.after.always(() => kill(child))

  test('preview page → shows every email in every language as HTML and text', async t => {
    const page = await (await fetch(url)).text()
    for (const { kind } of allEmails)
      for (const locale of locales) {
        const [, section = ''] = page.split(`<section id="${kind}-${locale}">`)
        const [shown = ''] = section.split('</section>')
        t.regex(shown, /<iframe sandbox title="[^"]+" srcdoc="&lt;!doctype/i, `${kind} ${locale}`)
        t.regex(shown, /<pre lang="\w+" dir="(ltr|rtl)">[^<]{80,}<\/pre>/, `${kind} ${locale}`)
      }
    t.notRegex(page, /\{\{/)
  })

  test('preview page → no script can run and the CSP denies everything else', async t => {
    const reply = await fetch(url)
    t.regex(reply.headers.get('content-security-policy') ?? '', /^default-src 'none'/)
    t.notRegex(await reply.text(), /<script|sandbox="[^"]*allow/)
  })

  test('preview server → not reachable from other machines', async t => {
    const outside = Object.values(networkInterfaces())
      .flatMap(found => found ?? [])
      .find(({ internal, family }) => !internal && family === 'IPv4')
    if (!outside) return t.pass('there is no other address here')
    const socket = connect(Number(new URL(url).port), outside.address)
    const [error] = await once(socket, 'error')
    t.is(error.code, 'ECONNREFUSED')
  })
}
