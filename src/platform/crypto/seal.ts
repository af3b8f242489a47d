import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { decode, encode } from '../base/base64url.ts'

// The version goes into the authenticated data too, so a later format cannot be passed off as this one.
const VERSION = 'v1.'
const NONCE = 12
const TAG = 16

/**
 * Encrypts with AES-256-GCM (NIST SP 800-38D) under a 32-byte key and a fresh random nonce. `aad` names what the
 * secret belongs to (a row, a purpose); the same name is needed to open it, so it cannot be moved elsewhere.
 */
export function seal(key: Buffer, plaintext: Uint8Array, aad: string): string {
  const nonce = randomBytes(NONCE)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG })
  cipher.setAAD(Buffer.from(VERSION + aad))
  const hidden = [cipher.update(plaintext), cipher.final()]
  return VERSION + encode(Buffer.concat([nonce, ...hidden, cipher.getAuthTag()]))
}

/** What was sealed, or null if the text, the key or the name is not the right one. */
export function unseal(key: Buffer, sealed: string, aad: string): Buffer | null {
  const bytes = sealed.startsWith(VERSION) ? decode(sealed.slice(VERSION.length)) : null
  if (bytes === null || bytes.length < NONCE + TAG) return null
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE), { authTagLength: TAG })
  decipher.setAAD(Buffer.from(VERSION + aad))
  decipher.setAuthTag(bytes.subarray(-TAG))
  const open = decipher.update(bytes.subarray(NONCE, -TAG))
  try {
    return Buffer.concat([open, decipher.final()])
  } catch {
    return null
  }
}
