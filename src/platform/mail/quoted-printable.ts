// Quoted-printable (RFC 2045, section 6.7) in one pass over the bytes. nodemailer runs several regular expressions for each
// line.

const cr = 0x0d
const lf = 0x0a
const tab = 0x09
const space = 0x20
const dot = 0x2e
const equals = 0x3d

/** The characters of a line before the `=` of a soft line break. A line has at most 76 with it. */
const lineLength = 75

const hex = Buffer.from('0123456789ABCDEF')

/** What becomes of a byte: `literal` stands for itself, `blank` unless it ends a line. */
const encoded = 0
const literal = 1
const blank = 2
const lineBreak = 3

const kinds = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === cr || byte === lf) return lineBreak
  if (byte === space || byte === tab) return blank
  return byte > space && byte < 127 && byte !== equals ? literal : encoded
})

/** How many bytes the UTF-8 character has that starts with this byte, or 0 inside of a character. */
const characterBytes = (first: number): number =>
  first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4

/** The most bytes that `writeQuotedPrintable` writes for an input of this many bytes. */
export const maxQuotedPrintable = (bytes: number): number => 4 * bytes

/** How many characters of a line stand before this position. */
const columnAt = (output: Buffer, at: number): number =>
  at === 0 ? 0 : at - 1 - output.lastIndexOf(lf, at - 1)

/** Starts a line, unless one starts at `at`. The reader sees no line break. Returns where the line starts. */
export const writeSoftBreak = (output: Buffer, at: number): number =>
  columnAt(output, at) === 0 ? at : at + output.write('=\r\n', at, 'latin1')

/**
 * Writes text (UTF-8) to `output` from `start`, where a line may have begun, and returns where it ends. Every line break
 * becomes CRLF, and no line starts with a dot, which SMTP would double. A soft line break never divides a character, as some
 * clients decode each line alone.
 */
export const writeQuotedPrintable = (text: Buffer, output: Buffer, start: number): number => {
  const { length } = text
  let at = start
  let column = columnAt(output, start)
  const breakLine = (): void => {
    output[at++] = cr
    output[at++] = lf
    column = 0
  }
  for (let i = 0; i < length; i++) {
    const byte = text[i] as number
    const kind = kinds[byte]
    if (kind === lineBreak) {
      if (byte === cr && text[i + 1] === lf) i++
      breakLine()
      continue
    }
    // A server may remove a blank at the end of a line.
    const isPlain =
      kind === literal || (kind === blank && i + 1 < length && kinds[text[i + 1] as number] !== lineBreak)
    if (column + (isPlain ? 1 : 3 * characterBytes(byte)) > lineLength) {
      output[at++] = equals
      breakLine()
    }
    if (isPlain && (column > 0 || byte !== dot)) {
      output[at++] = byte
      column++
      continue
    }
    output[at++] = equals
    output[at++] = hex[byte >> 4] as number
    output[at++] = hex[byte & 15] as number
    column += 3
  }
  return at
}
