import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { decode, encode } from '../base/base64url.ts'

// The authenticated data holds the version too, so that an attacker cannot present a later format as this one.
const version = 'v1.'
const nonceBytes = 12
const tagBytes = 16

/**
 * Encrypts with AES-256-GCM (NIST SP 800-38D) under a 32-byte key and a fresh random nonce. `aad` names the row or purpose
 * that the secret belongs to. `unseal` needs the same name, so that a sealed secret cannot be moved to another row.
 */
export const seal = (key: Buffer, plaintext: Uint8Array, aad: string): string => {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
  cipher.setAAD(Buffer.from(version + aad))
  const encrypted = [cipher.update(plaintext), cipher.final()]
  return version + encode(Buffer.concat([nonce, ...encrypted, cipher.getAuthTag()]))
}

/** Decrypts a sealed secret. Returns null if the text, the key or the name is wrong. */
export const unseal = (key: Buffer, sealed: string, aad: string): Buffer | null => {
  const bytes = sealed.startsWith(version) ? decode(sealed.slice(version.length)) : null
  if (bytes === null || bytes.length < nonceBytes + tagBytes) return null
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  })
  decipher.setAAD(Buffer.from(version + aad))
  decipher.setAuthTag(bytes.subarray(-tagBytes))
  const decrypted = decipher.update(bytes.subarray(nonceBytes, -tagBytes))
  try {
    return Buffer.concat([decrypted, decipher.final()])
  } catch {
    return null
  }
}
