// RFC 4648, section 5, without padding. Plain JavaScript, since `Buffer` exists only in Node and `atob` accepts several
// spellings of the same bytes.

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const unknown = 64
const values = new Uint8Array(128).fill(unknown)
for (let value = 0; value < alphabet.length; value++) values[alphabet.charCodeAt(value)] = value

/**
 * Decodes base64url, or returns null if the text is not the canonical encoding. Padding, other characters and unused bits
 * that are not zero are refused: otherwise one token would have several spellings.
 */
export const decode = (text: string): Uint8Array<ArrayBuffer> | null => {
  const rest = text.length % 4
  if (rest === 1) return null
  const bytes = new Uint8Array((text.length * 6) >> 3)
  let [bits, held, at] = [0, 0, 0]
  for (let i = 0; i < text.length; i++) {
    const value = values[text.charCodeAt(i)] ?? unknown
    if (value === unknown) return null
    bits = ((bits << 6) | value) & 0xfff
    held += 6
    if (held < 8) continue
    held -= 8
    bytes[at++] = bits >> held
  }
  return (bits & ((1 << held) - 1)) === 0 ? bytes : null
}
