import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { decode, encode } from '../base/base64url.ts'

// The version goes into the authenticated data too, so a later format cannot be passed off as this one.
const version = 'v1.'
const nonceBytes = 12
const tagBytes = 16

/**
 * Encrypts with AES-256-GCM (NIST SP 800-38D) under a 32-byte key and a fresh random nonce. `aad` names what the
 * secret belongs to (a row, a purpose); the same name is needed to open it, so it cannot be moved elsewhere.
 */
export const seal = (key: Buffer, plaintext: Uint8Array, aad: string): string => {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
  cipher.setAAD(Buffer.from(version + aad))
  const hidden = [cipher.update(plaintext), cipher.final()]
  return version + encode(Buffer.concat([nonce, ...hidden, cipher.getAuthTag()]))
}

/** What was sealed, or null if the text, the key or the name is not the right one. */
export const unseal = (key: Buffer, sealed: string, aad: string): Buffer | null => {
  const bytes = sealed.startsWith(version) ? decode(sealed.slice(version.length)) : null
  if (bytes === null || bytes.length < nonceBytes + tagBytes) return null
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  })
  decipher.setAAD(Buffer.from(version + aad))
  decipher.setAuthTag(bytes.subarray(-tagBytes))
  const open = decipher.update(bytes.subarray(nonceBytes, -tagBytes))
  try {
    return Buffer.concat([open, decipher.final()])
  } catch {
    return null
  }
}
