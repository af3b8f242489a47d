/** RFC 4648 section 5, without padding. */
export const encode = (bytes: Uint8Array): string => bufferOf(bytes).toString('base64url')

const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/**
 * Decodes base64url, or returns null if the text is not the canonical encoding. Node's decoder skips other characters,
 * accepts padding and ignores the unused bits of the last character, so one token would have several spellings. Encoding
 * the bytes again and comparing refuses all of these.
 */
export const decode = (text: string): Buffer | null => {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : null
}
