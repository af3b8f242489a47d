import { require } from '../base/lazy-require.ts'
import { domainOf, type Mailbox } from '../base/mailbox.ts'
import { maxQuotedPrintable, writeQuotedPrintable } from './quoted-printable.ts'
import type { Rendered } from './render.ts'

// nodemailer encodes each header. The bodies are encoded here, as nodemailer builds a message through a dozen streams, which
// took a third of the CPU time of a delivery. The test compares the messages of both.

type HeaderEncoder = { encodeHeaderValue: (key: string, value: unknown) => string }

const MimeNode: new (contentType: string) => HeaderEncoder = require('nodemailer/lib/mime-node')
const {
  foldLines,
}: { foldLines: (line: string, length: number) => string } = require('nodemailer/lib/mime-funcs')

export type Message = Rendered & {
  from: Mailbox
  to: string
  /** Unique, and the same at each attempt. */
  id: string
  date: Date
  headers: Readonly<Record<string, string>>
}

const encoder = new MimeNode('text/plain')

const header = (key: string, value: unknown): string =>
  foldLines(`${key}: ${encoder.encodeHeaderValue(key, value)}`, 76)

/** A retried delivery has the same Message-ID, so that the recipient's server can recognize it. */
export const messageId = ({ id, from }: Message): string => `<${id}@${domainOf(from)}>`

const headersOf = (message: Message, boundary: string): string => {
  const { from, to, subject, date, headers } = message
  return [
    ...Object.entries(headers).map(([key, value]) => header(key, value)),
    header('From', [{ ...from }]),
    header('To', [{ name: '', address: to }]),
    header('Subject', subject),
    header('Message-ID', messageId(message)),
    header('Date', date),
    'MIME-Version: 1.0',
    `Content-Type: multipart/alternative;\r\n boundary="${boundary}"`,
  ].join('\r\n')
}

// Grows to the size of the longest message. A new one for each message would be garbage of 60 kB each time.
let scratch = Buffer.allocUnsafeSlow(0)

type Part = { type: string; bytes: Buffer; isBase64: boolean }

/**
 * Text in Latin letters is quoted-printable, so that filters can read it and do not take it for hidden content. Text that is
 * mostly in other letters is base64: each of its letters would take six or nine characters.
 */
const partOf = (type: string, text: string): Part => {
  const bytes = Buffer.from(text)
  return { type, bytes, isBase64: bytes.length > 1.1 * text.length }
}

const base64Lines = (bytes: Buffer): string => bytes.toString('base64').replace(/.{76}(?!$)/g, '$&\r\n')

/** Writes a part with its headers to the scratch buffer, and returns where it ends. */
const writePart = ({ type, bytes, isBase64 }: Part, boundary: string, start: number): number => {
  const encoding = isBase64 ? 'base64' : 'quoted-printable'
  const head = `\r\n--${boundary}\r\nContent-Type: ${type}; charset=utf-8\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`
  const at = start + scratch.write(head, start, 'latin1')
  return isBase64
    ? at + scratch.write(base64Lines(bytes), at, 'latin1')
    : writeQuotedPrintable(bytes, scratch, at)
}

/** The message as a mail server receives it, with a plain and an HTML part. A retried delivery sends the same bytes. */
export const mimeMessage = (message: Message): Buffer => {
  // `=_` is in no quoted-printable or base64 text (RFC 2045, section 6.7), so no line of a part is taken for a boundary.
  const boundary = `=_${message.id}`
  const head = Buffer.from(`${headersOf(message, boundary)}\r\n`)
  const parts = [partOf('text/plain', message.text), partOf('text/html', message.html)]
  const size = parts.reduce((sum, { bytes }) => sum + 300 + maxQuotedPrintable(bytes.length), head.length)
  if (scratch.length < size) scratch = Buffer.allocUnsafeSlow(size)
  let at = head.copy(scratch)
  for (const part of parts) at = writePart(part, boundary, at)
  at += scratch.write(`\r\n--${boundary}--\r\n`, at, 'latin1')
  return Buffer.from(scratch.subarray(0, at))
}
