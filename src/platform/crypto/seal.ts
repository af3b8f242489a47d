import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { decode, encode } from '../base/base64url.ts'
import type { SecretKeys } from './secrets.ts'

// A sealed secret is `v2.`, the id of the secret whose key encrypted it, `.`, and the base64url of nonce, ciphertext and tag.
// `v1.` has no id. The authenticated data holds all that comes before the bytes, so that an attacker cannot present one
// format as another.

const nonceBytes = 12
const tagBytes = 16

type SealKeys = Pick<SecretKeys, 'id' | 'seal'>

/** Keys to seal with, and to open with. */
type Keys = { current: SealKeys; all: readonly SealKeys[] }

/** How every text begins that the current key sealed. */
export const currentSealPrefix = ({ current }: Pick<Keys, 'current'>): string => `v2.${current.id}.`

/**
 * Encrypts with AES-256-GCM (NIST SP 800-38D) under the current key and a fresh random nonce. `aad` names the row or purpose
 * that the secret belongs to. `unseal` needs the same name, so that a sealed secret cannot be moved to another row.
 */
export const seal = (keys: Pick<Keys, 'current'>, plaintext: Uint8Array, aad: string): string => {
  const prefix = currentSealPrefix(keys)
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', keys.current.seal, nonce, { authTagLength: tagBytes })
  cipher.setAAD(Buffer.from(prefix + aad))
  const encrypted = [cipher.update(plaintext), cipher.final()]
  return prefix + encode(Buffer.concat([nonce, ...encrypted, cipher.getAuthTag()]))
}

/** Decrypts a sealed secret. Returns null if the text or the name is wrong, or no key fits. */
export const unseal = (keys: Pick<Keys, 'all'>, sealed: string, aad: string): Buffer | null =>
  open(keys, sealed, aad)?.plaintext ?? null

/** The id of the secret that a text is sealed under; null if none of these keys opens it. */
export const sealedUnder = (keys: Pick<Keys, 'all'>, sealed: string, aad: string): string | null =>
  open(keys, sealed, aad)?.id ?? null

const open = (
  { all }: Pick<Keys, 'all'>,
  sealed: string,
  aad: string,
): { id: string; plaintext: Buffer } | null => {
  const [, prefix, named, text] = /^(v1\.|v2\.([\w-]+)\.)([\w-]*)$/.exec(sealed) ?? []
  const bytes = text === undefined ? null : decode(text)
  if (bytes === null || bytes.length < nonceBytes + tagBytes) return null
  for (const { id, seal: key } of all) {
    const plaintext = named === undefined || named === id ? decrypt(key, bytes, prefix + aad) : null
    if (plaintext) return { id, plaintext }
  }
  return null
}

const decrypt = (key: Buffer, bytes: Buffer, aad: string): Buffer | null => {
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  })
  decipher.setAAD(Buffer.from(aad))
  decipher.setAuthTag(bytes.subarray(-tagBytes))
  const decrypted = decipher.update(bytes.subarray(nonceBytes, -tagBytes))
  try {
    return Buffer.concat([decrypted, decipher.final()])
  } catch {
    return null
  }
}
