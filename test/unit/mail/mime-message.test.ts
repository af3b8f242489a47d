import test from 'ava'
import MailComposer from 'nodemailer/lib/mail-composer/index.js'
import PostalMime from 'postal-mime'
import { emails } from '../../../src/modules.ts'
import { messageId } from '../../../src/platform/mail/mime-headers.ts'
import { type Message, mimeMessage } from '../../../src/platform/mail/mime-message.ts'
import { fillEmail, type Rendered } from '../../../src/platform/mail/render.ts'
import { type Filled, textOf } from '../../../src/platform/theme/template.ts'
import { plainTheme } from '../../theme.ts'

// Compares messages with those that nodemailer composes.

const headers = { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' }
type Content = Omit<Message, 'text' | 'html'> & Rendered

const plain: Content = {
  from: { name: 'Latchkey', address: 'no-reply@mail.example' },
  to: 'ada@mail.example',
  subject: 'Confirm your address',
  text: 'Hello Ada,\n\nplease confirm.\n',
  html: '<p>Hello Ada</p>\n',
  id: '01900000-0000-7000-8000-000000000001',
  date: new Date('2031-05-06T07:08:09Z'),
  headers,
}

const byNodemailer = (message: Content): Promise<Buffer> => {
  const { to, id: _id, ...same } = message
  const mail = { ...same, to: { name: '', address: to }, messageId: messageId(message) }
  return new MailComposer(mail).compile().build()
}

/** The header fields in their order, but for the boundary, which differs. */
const headersOf = (raw: Buffer): string[] => {
  const [head = ''] = raw.toString().split('\r\n\r\n')
  return head.replace(/boundary=".*"/, 'boundary').split(/\r\n(?! )/)
}

const parts = async (raw: Buffer) => {
  const { headers: _headers, headerLines: _lines, ...mail } = await PostalMime.parse(raw)
  return mail
}

/** nodemailer leaves a single CR to the connection, which makes it a line break. */
const sent = (raw: Buffer): Buffer =>
  Buffer.from(raw.toString('latin1').replace(/\r?\n|\r/g, '\r\n'), 'latin1')

const isWellFormed = (raw: Buffer): boolean => {
  const [head = '', ...bodies] = raw.toString('latin1').split('\r\n\r\n')
  const body = bodies.join('\r\n\r\n')
  const lines = body.split('\r\n')
  const soft = lines.filter(line => line.endsWith('=')).map(line => line.slice(0, -1))
  return (
    !/(?<!\r)\n|\r(?!\n)/.test(raw.toString('latin1')) &&
    head.split('\r\n').every(line => line.length <= 998) &&
    lines.every(line => line.length <= 76 && /^[\t\x20-\x7e]*$/.test(line) && !/[ \t]$|^\./.test(line)) &&
    // Each line alone is UTF-8, as no character is divided.
    soft.every(line => {
      const bytes = line.replace(/=(..)/g, (_, code) => String.fromCharCode(Number.parseInt(code, 16)))
      return !Buffer.from(bytes, 'latin1').toString().includes('\ufffd')
    })
  )
}

const filler = (text: string, length: number): string => text.repeat(Math.ceil(length / text.length))
const cases: Record<string, Partial<Content>> = {
  'plain text': {},
  'lines of exactly 75, 76 and 77 characters': {
    text: [74, 75, 76, 77, 150, 151, 152].map(length => `${'x'.repeat(length)}\n`).join(''),
    html: [74, 75, 76, 77].map(length => `${'x'.repeat(length - 1)}=\n`).join(''),
  },
  'a line of 20 000 characters': { text: filler('word ', 20_000), html: `<p>${filler('a=b ', 20_000)}</p>` },
  'accents and emoji at every position of a line': {
    text: Array.from(
      { length: 80 },
      (_, at) => `${'x'.repeat(at)}é€🪑 and more Latin text ${'y'.repeat(70)}\n`,
    ).join(''),
    html: Array.from(
      { length: 80 },
      (_, at) => `${'x'.repeat(at)}👩‍👩‍👧 and Latin text ${'y'.repeat(90)}\n`,
    ).join(''),
  },
  'text in Arabic': {
    subject: 'تأكيد عنوان بريدك',
    text: filler('مرحبا بك\n', 900),
    html: filler('<p>مرحبا</p>\n', 900),
  },
  'blanks at the end of lines and of the text': { text: 'a \n b\t\n\n \n-- \nLatchkey ', html: ' <p> \t' },
  'lines of dots': { text: '.\n..\n.a\n', html: '\n.\n.\n' },
  'CRLF and CR in a template': { text: 'a\r\nb\rc\n', html: '<p>\r\n</p>\r\n' },
  'a text that looks like the end of a part': { text: `--=_${plain.id}--\n----=_${plain.id}\n` },
  'an encoded word and an equals sign in a text': { text: '=?UTF-8?Q?=41?= =41 =\n=\n', html: '=3D=' },
  'a long subject': { subject: filler('a very long subject ', 900).trim() },
  'a long subject with emoji': { subject: filler('Bücher 🪑 ', 400).trim() },
  'line breaks in subject, name and address': {
    subject: 'a\r\nBcc: x@evil.example\r\n\r\nbody',
    from: { name: 'A\r\nBcc: x@evil.example', address: 'no-reply@mail.example' },
    to: 'ada\r\nBcc:x@mail.example',
  },
  'a From name with quotes and an emoji': {
    from: { name: '"Möbel" & Söhne, \\o/ 🪑', address: 'a@bücher.example' },
  },
  'a From name that is an address': { from: { name: 'security@bank.example', address: 'a@mail.example' } },
  'no From name': { from: { name: '', address: 'a@mail.example' } },
  'an internationalized recipient': { to: 'jürgen@bücher.example' },
  'a recipient with a quoted local part': { to: '"a, b"@mail.example' },
  'a recipient at an address literal': { to: 'ada@[192.0.2.1]' },
}
/** A text as a template whose placeholders stand for every other piece of this many characters. */
const cut = (text: string, length: number): Filled => {
  const characters = Array.from(text)
  const pieces: string[] = []
  for (let at = 0; at < characters.length; at += length)
    pieces.push(characters.slice(at, at + length).join(''))
  if (pieces.length % 2 === 0) pieces.push('')
  return { template: pieces, values: pieces.filter((_, at) => at % 2) }
}

const filled = (content: Content, length = Number.POSITIVE_INFINITY): Message => ({
  ...content,
  text: cut(content.text, length),
  html: cut(content.html, length),
})

for (const [name, changed] of Object.entries(cases))
  test(`${name} → the message says the same as nodemailer's, with any placeholders`, async t => {
    const content = { ...plain, ...changed }
    const expected = sent(await byNodemailer(content))
    for (const length of [Number.POSITIVE_INFINITY, 1, 2, 7, 76, 500]) {
      // No placeholder stands inside a CRLF.
      if (name.startsWith('CRLF') && length < 76) continue
      const raw = mimeMessage(filled(content, length))
      t.deepEqual(headersOf(raw), headersOf(expected))
      t.true(isWellFormed(raw), String(length))
      t.deepEqual(await parts(raw), await parts(expected), String(length))
    }
  })

for (const locale of plainTheme.templates.locales.tags)
  test(`every email in ${locale} → says the same as nodemailer's, in the same encoding`, async t => {
    const encodings = (raw: Buffer) => raw.toString().match(/^Content-Transfer-Encoding: .*$/gm)
    for (const email of emails) {
      const message = { ...plain, ...(await fillEmail(plainTheme, email, locale, email.sample)) }
      const { text, html } = message
      const raw = mimeMessage(message)
      const expected = await byNodemailer({ ...message, text: textOf(text), html: textOf(html) })
      t.deepEqual(headersOf(raw), headersOf(expected), email.kind)
      t.deepEqual(await parts(raw), await parts(expected), email.kind)
      t.deepEqual(encodings(raw), encodings(expected), email.kind)
      t.true(isWellFormed(raw), email.kind)
    }
  })

test('the same email again, after a longer one → the same bytes', t => {
  const first = mimeMessage(filled(plain))
  mimeMessage(filled({ ...plain, text: filler('longer ', 100_000) }))
  t.deepEqual(mimeMessage(filled(plain)), first)
})
