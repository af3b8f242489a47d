import { hash, hkdfSync, timingSafeEqual } from 'node:crypto'

const hkdfSalt = 'latchkey/v1'

/** Derives the key of one purpose from the application secret: HKDF-SHA-256 (RFC 5869), with the label as its info. */
export const deriveKey = (appSecret: string, label: string, length = 32): Buffer =>
  Buffer.from(hkdfSync('sha256', appSecret, hkdfSalt, label, length))

/** A key of HMAC-SHA-256 as its two blocks (RFC 2104, section 2), which start the inner and the outer hash. */
export type MacKey = { readonly inner: Buffer; readonly outer: Buffer }

const blockLength = 64
const hashLength = 32

/** Prepares a key for `hmac`. */
export const macKey = (key: Uint8Array): MacKey => {
  const block = Buffer.alloc(blockLength)
  block.set(key.byteLength > blockLength ? sha256(key) : key)
  return { inner: block.map(byte => byte ^ 0x36) as Buffer, outer: block.map(byte => byte ^ 0x5c) as Buffer }
}

export const deriveMacKey = (appSecret: string, label: string): MacKey => macKey(deriveKey(appSecret, label))

/**
 * HMAC-SHA-256 (32 bytes) over the parts in order, texts as UTF-8. The length of each part comes before it, so that
 * ('ab', 'c') and ('a', 'bc') yield different codes.
 *
 * It calls `hash` twice. `createHmac` makes an object that the garbage collector has to free, and initialises OpenSSL's HMAC
 * anew for each code, which takes longer than both hashes.
 */
export const hmac = ({ inner, outer }: MacKey, ...parts: (string | Uint8Array)[]): Buffer => {
  let length = blockLength
  for (const part of parts)
    length += 4 + (typeof part === 'string' ? Buffer.byteLength(part) : part.byteLength)
  const bytes = Buffer.allocUnsafe(length)
  let at = inner.copy(bytes)
  for (const part of parts) {
    const size = typeof part === 'string' ? bytes.write(part, at + 4) : copyTo(bytes, part, at + 4)
    at = bytes.writeUInt32BE(size, at) + size
  }
  const last = Buffer.allocUnsafe(blockLength + hashLength)
  outer.copy(last)
  last.write(hash('sha256', bytes, 'binary'), blockLength, 'binary')
  const code = sha256(last)
  // Both are parts of memory that Node hands out again without clearing it.
  for (const used of [bytes, last]) used.fill(0, 0, blockLength)
  return code
}

const copyTo = (bytes: Buffer, part: Uint8Array, at: number): number => {
  bytes.set(part, at)
  return part.byteLength
}

/**
 * SHA-256 (32 bytes) of bytes, or of a text as UTF-8. `hash` makes a buffer in native code, which takes as long again as a
 * short hash, so it makes a text of one character a byte.
 */
export const sha256 = (bytes: string | Uint8Array): Buffer =>
  Buffer.from(hash('sha256', bytes, 'binary'), 'binary')

/** Whether both are equal, in a time that depends only on their lengths. */
export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.byteLength === b.byteLength && timingSafeEqual(a, b)
