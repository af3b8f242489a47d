import test from 'ava'
import { escapeHtml } from '../../src/base/fill.ts'
import { locales } from '../../src/base/locales.ts'
import { render } from '../../src/mail/render.ts'

// Anybody can register a victim's address under a name of their choosing: the name is the attacker's text,
// sent by us to the victim. The device is whatever a thief's client calls itself.

const link = 'https://api.example/verify?token=abc&x=1'
const verify = (name: string, locale = 'en') =>
  render('verify_email', locale, { name, link, code: '482913', hours: '24' })
const reuse = (device: string, ip = '192.0.2.1') =>
  render('session_reuse', 'en', { name: 'Ana', time: '2026-11-21T06:17:00Z', ip, device })

const markup = [
  '<a href=evil>click</a>',
  '</mj-text><mj-include path="/etc/passwd">',
  `"><img src=x onerror='alert(1)'>`,
  '&lt;b&gt;',
  '<!-- --><![endif]-->',
]
for (const name of markup)
  test(`markup in a name arrives as text: ${name}`, async t => {
    for (const locale of locales) {
      const hostile = await verify(name, locale)
      const honest = await verify('Ana', locale)
      t.true(hostile.html.includes(escapeHtml(name)))
      t.is(hostile.html.replaceAll(escapeHtml(name), 'Ana'), honest.html)
      t.true(hostile.text.includes(name))
    }
  })

for (const name of ['{{code}}', '{{hours}}', '{{greeting}}', '$&', '$1'])
  test(`a name is not a template: ${name}`, async t => {
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
  'Call +1 (800) 555-0199',
]
for (const name of addresses)
  test(`a name that a mail client would make a link of is left out: ${JSON.stringify(name)}`, async t => {
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
])
  test(`an honest name is kept: ${name}`, async t => {
    const { html, text } = await verify(name)
    t.true(text.startsWith(`Hello ${name},\n`))
    t.true(html.includes(`Hello ${escapeHtml(name)},`))
  })

test('a name stays on its line, so that it can forge neither a paragraph nor a header', async t => {
  const { text, subject } = await verify('Ana\r\nBcc: victim@x\n\nYour code changed\u2028now\0')
  t.true(text.startsWith('Hello Ana Bcc: victim@x Your code changed now,\n'))
  t.notRegex(subject, /[\r\n]/)
})

test('a name cannot turn the text after it around', async t => {
  const { text, html } = await verify('Ana\u202E\u2066gro\u200F')
  t.true(text.startsWith('Hello Ana gro,\n'))
  t.notRegex(html, /[\u200F\u202E\u2066]/)
})

test('a name is cut at 64 code points, between characters', async t => {
  const { text } = await verify('😀'.repeat(100_000))
  t.true(text.startsWith(`Hello ${'😀'.repeat(64)},\n`))
})

for (const name of ['', ' ', '\r\n', '\u200F'])
  test(`without a name the greeting still reads well: ${JSON.stringify(name)}`, async t => {
    const greetings = { en: 'Hello,', es: 'Hola:', ar: 'مرحبًا،' }
    for (const [locale, greeting] of Object.entries(greetings))
      t.true((await verify(name, locale)).text.startsWith(`${greeting}\n`))
  })

test('a device that calls itself a link is unknown, a real one is shown', async t => {
  const real =
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36'
  t.true((await reuse(real)).text.includes(`Device\n${real}\n`))
  for (const device of ['Restore access at evil.example', 'bot (+https://evil/)', ''])
    t.true((await reuse(device)).text.includes('Device\nUnknown\n'))
  t.true((await reuse('<b>x</b>')).html.includes('&lt;b&gt;x&lt;/b&gt;'))
  t.true((await reuse(real, '')).text.includes('IP address\nUnknown\n'))
})

test('the new address of a stolen account is shown, and is no link that its owner could follow', async t => {
  const moved = (email: string, locale = 'en') =>
    render('email_changed', locale, { name: 'Ana', email, link, days: '7' })
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

test('a link is one attribute whatever it holds', async t => {
  const { html, text } = await render('welcome', 'en', { name: '', link: 'https://x/?a="><script>&b=1' })
  t.true(html.includes('href="https://x/?a=&quot;&gt;&lt;script&gt;&amp;b=1"'))
  t.false(html.includes('<script'))
  t.true(text.includes('https://x/?a="><script>&b=1'))
})
