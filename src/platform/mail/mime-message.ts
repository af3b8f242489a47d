import { type Filled, type Template, textOf } from '../theme/template.ts'
import { type Head, mimeHeaders } from './mime-headers.ts'
import { maxQuotedPrintable, writeQuotedPrintable, writeSoftBreak } from './quoted-printable.ts'
import type { FilledEmail } from './render.ts'

// nodemailer builds a message through a dozen streams, which took a third of the CPU time of a delivery. Here the texts of a
// template are encoded once, and the values for each email. The test compares the messages with those of nodemailer.

/** An email whose templates are filled. */
export type Message = Head & Pick<FilledEmail, 'text' | 'html'>

/** A template as it stands in a message: each text encoded from the start of a line, or all of it in base64. */
type Encoded = { texts: readonly Buffer[]; isBase64: boolean }

const encodedTemplates = new WeakMap<Template, Encoded>()

const encodeText = (text: string): Buffer => {
  const bytes = Buffer.from(text)
  const output = Buffer.allocUnsafeSlow(maxQuotedPrintable(bytes.length))
  return Buffer.from(output.subarray(0, writeQuotedPrintable(bytes, output, 0)))
}

/**
 * A template in Latin letters is quoted-printable, so that filters can read it and do not take it for hidden content. One
 * that is mostly in other letters is base64: each of its letters would take six or nine characters.
 */
const encodeTemplate = (template: Template): Encoded => {
  const known = encodedTemplates.get(template)
  if (known) return known
  const texts = template.filter((_, at) => at % 2 === 0)
  const length = texts.join('').length
  const isBase64 = Buffer.byteLength(texts.join('')) > 1.1 * length
  const encoded = { texts: isBase64 ? [] : texts.map(encodeText), isBase64 }
  encodedTemplates.set(template, encoded)
  return encoded
}

const base64Lines = (text: string): string =>
  Buffer.from(text)
    .toString('base64')
    .replace(/.{76}(?!$)/g, '$&\r\n')

/** More bytes than the boundary and the headers of a part take. */
const maxPartHead = 300

/** The most bytes that a part takes. What did not fit into the buffer would be missing in the email, without an error. */
const maxSize = (filled: Filled): number => {
  const { texts, isBase64 } = encodeTemplate(filled.template)
  if (isBase64) return maxPartHead + 2 * Buffer.byteLength(textOf(filled))
  const ofTexts = texts.reduce((sum, text) => sum + 3 + text.length, maxPartHead)
  return filled.values.reduce((sum, value) => sum + maxQuotedPrintable(3 * value.length), ofTexts)
}

// Grows to the size of the longest message. A new one for each message would be garbage of 30 kB each time.
let scratch = Buffer.allocUnsafeSlow(0)

const write = (text: string, at: number): number => at + scratch.write(text, at, 'latin1')

/** Writes a part with its headers to the scratch buffer, and returns where it ends. */
const writePart = (type: string, filled: Filled, boundary: string, start: number): number => {
  const { texts, isBase64 } = encodeTemplate(filled.template)
  const encoding = isBase64 ? 'base64' : 'quoted-printable'
  let at = write(
    `\r\n--${boundary}\r\nContent-Type: ${type}; charset=utf-8\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`,
    start,
  )
  if (isBase64) return write(base64Lines(textOf(filled)), at)
  texts.forEach((text, index) => {
    // A text that starts with a line break continues the line.
    if (text.length > 0 && text[0] !== 0x0d) at = writeSoftBreak(scratch, at)
    at += text.copy(scratch, at)
    const value = filled.values[index]
    if (value) at = writeQuotedPrintable(Buffer.from(value), scratch, at)
  })
  return at
}

/** The message as a mail server receives it, with a plain and an HTML part. The same content becomes the same bytes. */
export const mimeMessage = (message: Message): Buffer => {
  // `=_` is in no quoted-printable or base64 text (RFC 2045, section 6.7), so no line of a part is taken for a boundary.
  const boundary = `=_${message.id}`
  const head = Buffer.from(`${mimeHeaders(message, boundary)}\r\n`)
  const size = head.length + maxSize(message.text) + maxSize(message.html)
  if (scratch.length < size) scratch = Buffer.allocUnsafeSlow(size)
  const ofText = writePart('text/plain', message.text, boundary, head.copy(scratch))
  const ofHtml = writePart('text/html', message.html, boundary, ofText)
  return Buffer.from(scratch.subarray(0, write(`\r\n--${boundary}--\r\n`, ofHtml)))
}
