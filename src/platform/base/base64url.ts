/** RFC 4648 section 5, without padding. */
export const encode = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')

/**
 * The bytes of a base64url text, or null unless the text is the one spelling of them. Node's own decoder skips
 * foreign characters, takes padding and ignores the trailing bits of the last character, so that one token could
 * be written in several ways; writing the bytes again and comparing refuses all of these at once.
 */
export const decode = (text: string): Buffer | null => {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : null
}
