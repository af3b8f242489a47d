import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text as textOf } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import anyTest from 'ava'
import { readConfig } from '../../../src/config.ts'
import { emails as allEmails } from '../../../src/modules.ts'
import { contrast, paletteOf } from '../../../src/platform/base/palette.ts'
import { emails } from '../../../src/platform/catalog/emails.ts'
import { render } from '../../../src/platform/mail/render.ts'
import { escapeHtml } from '../../../src/platform/theme/template.ts'
import { kill, programEnv } from '../../spawn.ts'
import { themeOf } from '../../theme.ts'

// The brand of a deployment: its variables, its colors, and the emails that show it.

const test = anyTest.serial

const brand = {
  BRAND_NAME: 'Acme Shop',
  BRAND_LOGO_URL: 'https://cdn.acme.example:8443/logo.png?v=1&x=2',
  BRAND_COLOR: '#fc0',
  BRAND_SUPPORT_EMAIL: 'help@acme.example',
  BRAND_ADDRESS: 'Acme Ltd, 1 High Road, Oxford',
}
const themes = {
  'only a name': themeOf({ BRAND_NAME: brand.BRAND_NAME }),
  'a complete brand': themeOf(brand),
}
const languages = ['ar', 'en', 'es']
const base = { NODE_ENV: 'test', APP_SECRET: 'x'.repeat(32), DATABASE_URL: 'postgres://h/d' }

{
  const errorsOf = (env: Record<string, string>) => {
    const read = readConfig({ ...base, ...env }, 'migrate')
    return 'errors' in read ? read.errors : []
  }
  const refused: Record<string, string[]> = {
    BRAND_NAME: [
      'Acme\nBcc: x@evil.example',
      'Acme\r',
      'a'.repeat(65),
      ' ',
      '\u200b\u3164',
      '\u2800',
      'a\u202eb',
      'a\u2028b',
      'a\0',
    ],
    BRAND_LOGO_URL: [
      'http://acme.example/logo.png',
      'data:image/png;base64,AA',
      'javascript:alert(1)',
      'logo.png',
      'https://user:pass@acme.example/logo.png',
      'https://acme.example/\nlogo.png',
    ],
    BRAND_COLOR: ['red', '#12', '#12345', '#1234567', '#ggg', 'fc0', '#fc0;}', '#fc0\n', 'rgb(1,2,3)'],
    BRAND_SUPPORT_EMAIL: ['help', 'Acme <help@acme.example>', 'a@b.example\nBcc: c@d.example', 'a@b.c,d@e.f'],
    BRAND_ADDRESS: ['1 High Road\nOxford', 'a'.repeat(201), '\u200b'],
  }
  for (const [name, values] of Object.entries(refused))
    for (const value of values)
      test(`${name}=${JSON.stringify(value).slice(0, 50)} → refused at start`, t => {
        const [error = '', ...more] = errorsOf({ [name]: value })
        t.regex(error, new RegExp(`^${name} must be `))
        t.deepEqual(more, [])
      })

  const accepted: Record<string, string[]> = {
    BRAND_NAME: ['Acme', 'A', '👩‍👩‍👧‍👦 Kin', 'شركة أكمي', '日本', 'a'.repeat(64), `"A" & <B> 'C' \\`],
    BRAND_LOGO_URL: [brand.BRAND_LOGO_URL, 'https://xn--bcher-kva.example/l.svg'],
    BRAND_COLOR: ['#fc0', '#FFCC00', '#0f5f57'],
    BRAND_SUPPORT_EMAIL: ['help@acme.example', "o'neil+x@acme.example"],
    BRAND_ADDRESS: ['Musterstraße 1, 10115 Berlin'],
  }
  for (const [name, values] of Object.entries(accepted))
    for (const value of values)
      test(`${name}=${JSON.stringify(value).slice(0, 50)} → accepted as a brand variable`, t => {
        t.deepEqual(errorsOf({ [name]: value }), [])
      })

  const configOf = (env: Record<string, string>) => {
    const read = readConfig({ ...base, ...env }, 'migrate')
    if ('errors' in read) throw new Error(read.errors.join())
    return read.config
  }

  test('BRAND_NAME set, MAIL_FROM unset → the sender has the name of the brand', t => {
    const BRAND_NAME = `"Acme", Inc. & <Söhne>`
    const standard = { name: BRAND_NAME, address: 'no-reply@localhost' }
    t.deepEqual(configOf({ BRAND_NAME }).MAIL_FROM, standard)
    t.deepEqual(configOf({ BRAND_NAME, MAIL_FROM: '' }).MAIL_FROM, standard)
    const own = { name: 'Team', address: 'team@acme.example' }
    t.deepEqual(configOf({ BRAND_NAME, MAIL_FROM: 'Team <team@acme.example>' }).MAIL_FROM, own)
    t.is(configOf({}).MAIL_FROM.name, 'Latchkey')
  })
}

{
  const colors = ['#000', '#fff', '#ffcc00', '#0f5f57', '#e11d48', '#1d4ed8', '#777777', '#767676', '#00ff00']
  for (const color of colors)
    test(`BRAND_COLOR=${color} → readable text on it and in it, and a visible button`, t => {
      const palette = paletteOf(color)
      const [white, black] = [contrast(palette.fill, '#fff'), contrast(palette.fill, '#000')]
      for (const on of [palette.on_fill, palette.dark_on_fill])
        t.is(on, white > black ? '#ffffff' : '#000000')
      t.true(contrast(palette.fill, palette.on_fill) >= 4.5)
      for (const ground of ['#ffffff', '#f3f4f2']) t.true(contrast(palette.accent, ground) >= 4.5, ground)
      for (const ground of ['#14181b', '#1f2529'])
        t.true(contrast(palette.dark_accent, ground) >= 4.5, ground)
      t.true(contrast(palette.edge, '#ffffff') >= 3)
      t.true(contrast(palette.dark_edge, '#1f2529') >= 3)
    })

  test('contrast of two colors → the ratio of WCAG', t => {
    t.is(contrast('#000', '#fff'), 21)
    t.is(contrast('#fff', '#fff'), 1)
    t.is(contrast('#777', '#fff').toFixed(2), '4.48')
  })
}

for (const [what, theme] of Object.entries(themes))
  for (const email of allEmails)
    test(`${email.kind} with ${what} → shows the brand in every language and never names Latchkey`, async t => {
      for (const locale of languages) {
        const { subject, html, text } = await render(theme, email, locale, email.sample)
        t.notRegex(`${subject}\n${html}\n${text}`, /latchkey/i, locale)
        t.true(html.includes('Acme Shop'), locale)
        t.true(text.includes('Acme Shop'), locale)
      }
    })

test('BRAND_NAME unset → emails name Latchkey', async t => {
  const { subject, text } = await render(themeOf(), emails.welcome, 'en', emails.welcome.sample)
  t.is(subject, 'Welcome to Latchkey')
  t.true(text.endsWith('\n\n-- \nLatchkey\n'))
})

test('complete brand → logo, color, support and postal address in the HTML and the text part', async t => {
  for (const locale of languages) {
    const { html, text } = await render(
      themes['a complete brand'],
      emails.verify_email,
      locale,
      emails.verify_email.sample,
    )
    t.true(html.includes(`src="${escapeHtml(brand.BRAND_LOGO_URL)}"`))
    t.true(html.includes('alt="Acme Shop"'))
    t.regex(html, /background[^"]*#ffcc00/)
    t.regex(html, /href="mailto:help@acme\.example"[^>]*>help@acme\.example</)
    t.true(html.includes('Acme Ltd, 1 High Road, Oxford'))
    const [, signature = ''] = text.split('\n-- \n')
    t.regex(signature, /Acme Shop[\s\S]*\n.*help@acme\.example.*\nAcme Ltd, 1 High Road, Oxford\n$/)
  }
})

test('brand without logo and addresses → no image, no empty link and no empty line', async t => {
  const { html, text } = await render(themes['only a name'], emails.welcome, 'en', emails.welcome.sample)
  t.notRegex(html, /<img|mailto:/)
  t.true(text.endsWith('\n\n-- \nAcme Shop\n'))
})

const hostile = [
  `"Acme" & <b>Sons</b> 'x'`,
  '{{link}} {{t.title}} $& $1',
  '</title><script>alert(1)</script>',
  '--><!-- ]]>',
  '🦊 Fuchs',
  'شركة أكمي',
  'Acme!',
]
for (const name of hostile)
  test(`BRAND_NAME=${JSON.stringify(name)} → plain text in subject, HTML and text part`, async t => {
    const theme = themeOf({ ...brand, BRAND_NAME: name })
    // The image declares the writing direction of its alternative text, so the other name has the same one.
    const other = /\p{Script=Arabic}/u.test(name) ? 'أكمي' : 'Acme'
    for (const locale of languages) {
      const { subject, html, text } = await render(theme, emails.welcome, locale, emails.welcome.sample)
      t.true(html.includes(`alt="${escapeHtml(name)}"`))
      t.true(subject.replace(/[\u2068\u2069]/g, '').includes(name))
      t.true(text.includes(name))
      const honest = await render(
        themeOf({ ...brand, BRAND_NAME: other }),
        emails.welcome,
        locale,
        emails.welcome.sample,
      )
      t.is(html.replaceAll(escapeHtml(name), other), honest.html)
    }
  })

test('brand name of the other writing direction → isolated by bdi in HTML, by U+2068 and U+2069 in text', async t => {
  const latin = themeOf({ BRAND_NAME: 'Acme!' })
  const arabic = themeOf({ BRAND_NAME: 'أكمي!' })
  const shown = async (theme: typeof latin, locale: string) =>
    render(theme, emails.welcome, locale, emails.welcome.sample)
  t.true((await shown(latin, 'ar')).subject.includes('\u2068Acme!\u2069'))
  t.true((await shown(arabic, 'en')).subject.includes('\u2068أكمي!\u2069'))
  t.is((await shown(latin, 'en')).subject, 'Welcome to Acme!')
  for (const [theme, name] of [
    [latin, 'Acme!'],
    [arabic, 'أكمي!'],
  ] as const)
    for (const locale of languages) {
      const { html } = await shown(theme, locale)
      t.regex(html, new RegExp(`<h1[^>]*>[^<]*<bdi>${name}</bdi>`), locale)
      t.regex(html, new RegExp(`<title>[^<]*${name}[^<]*</title>`), locale)
    }
})

{
  const script = fileURLToPath(new URL('../../../src/processes/preview-emails.ts', import.meta.url))
  const start = (env: Record<string, string>) =>
    spawn(process.execPath, [script], { env: { ...programEnv, ...env } })

  test('emails:preview with a brand in the environment → shows the brand, and the CSP allows its logo', async t => {
    const child = start(brand)
    t.teardown(() => kill(child))
    const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
    const reply = await fetch(/http:\S+/.exec(line)?.[0] ?? '')
    const page = await reply.text()
    t.regex(page, /<title>Emails · Acme Shop<\/title>/)
    t.true(page.includes('Welcome to Acme Shop'))
    t.true(page.includes(escapeHtml(`alt="${brand.BRAND_NAME}"`)))
    t.notRegex(page, /latchkey/i)
    t.regex(
      reply.headers.get('content-security-policy') ?? '',
      /; img-src data: https:\/\/cdn\.acme\.example:8443;/,
    )
  })

  test('emails:preview with an invalid brand → exits with 78 and names each variable', async t => {
    const child = start({ BRAND_COLOR: 'red', BRAND_LOGO_URL: 'http://x.example/l.png' })
    const [text, [code]] = await Promise.all([textOf(child.stderr), once(child, 'exit')])
    t.is(code, 78)
    t.regex(
      text,
      /^Latchkey cannot start. Correct the configuration:\n {2}BRAND_LOGO_URL must be .*\n {2}BRAND_COLOR must be .*\n$/,
    )
  })
}
