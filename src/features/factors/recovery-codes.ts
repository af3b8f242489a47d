import { randomBytes } from 'node:crypto'
import { encode } from '../../platform/base/base64url.ts'
import { hmac, macKey } from '../../platform/crypto/derive.ts'

// A recovery code has 15 characters of 5 random bits each, in three groups: `4f7gk-9m2xw-b8hqd`. The alphabet is that of
// Crockford's base32, without letters that look like digits.

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
const length = 15

/** How many codes a user gets at once. */
export const recoveryCodeCount = 10

/** The name of a list of codes. */
export const recoveryCodesName = 'Recovery codes'

export const newRecoveryCodes = (): string[] => Array.from({ length: recoveryCodeCount }, newRecoveryCode)

const newRecoveryCode = (): string => {
  const characters = Array.from(randomBytes(length), byte => alphabet[byte % 32])
  return (characters.join('').match(/.{5}/g) ?? []).join('-')
}

/**
 * The canonical form of a code that a user typed: lower case without separators, and look-alike letters as digits. Null if it
 * cannot be a code.
 */
export const plainRecoveryCode = (text: string): string | null => {
  if (text.length > 64) return null
  const plain = text.toLowerCase().replace(/[\s-]/g, '').replace(/[il]/g, '1').replaceAll('o', '0')
  return plain.length === length && [...plain].every(character => alphabet.includes(character)) ? plain : null
}

/** The hash that Postgres stores. `key` is the sealed key of the set that the code belongs to. */
export const recoveryCodeHash = (key: Uint8Array, code: string): string =>
  encode(hmac(macKey(Buffer.from(key)), 'recovery code', plainRecoveryCode(code) ?? ''))
