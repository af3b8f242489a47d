import type { KeyObject } from 'node:crypto'
import { parse as parseUuid, stringify as uuidText } from 'uuid'
import { decode, encode } from '../base/base64url.ts'
import { codeDigits } from '../catalog/token-purposes.ts'
import { hmac, sha256 } from './derive.ts'

// What a mail proves. Token and code are the HMAC of the e-mail's id, so they exist nowhere until the mail
// is written, and a job that runs twice writes the same ones. Stores hold hashes.

const prefix = 'lkp_'

const digitsOf = (purpose: string): number => (codeDigits as Record<string, number>)[purpose] ?? 6

/** Token secret (32 bytes) and code (see `codeDigits`) of one email. */
export const mailSecrets = (mailKey: KeyObject, purpose: string, emailId: string) => {
  const digits = digitsOf(purpose)
  const number = hmac(mailKey, 'code', purpose, emailId).readUIntBE(0, 6) % 10 ** digits
  return {
    secret: hmac(mailKey, 'token', purpose, emailId),
    code: String(number).padStart(digits, '0'),
  }
}

/** `lkp_` and the base64url of user id (16 bytes) and secret (32). */
export const writeProofToken = (userId: string, secret: Buffer): string =>
  prefix + encode(Buffer.concat([parseUuid(userId), secret]))

/** Reads a mailed token; null where it cannot be one. */
export const readProofToken = (text: string): { userId: string; secret: Buffer } | null => {
  if (!text.startsWith(prefix)) return null
  const bytes = decode(text.slice(prefix.length))
  if (bytes?.length !== 48) return null
  try {
    return { userId: uuidText(bytes.subarray(0, 16)), secret: bytes.subarray(16) }
  } catch {
    return null // 16 bytes that are no UUID
  }
}

export const tokenHash = (secret: Buffer): string => encode(sha256(secret))

/** All codes are soon tried, so a dump must not suffice: the hash is keyed. */
export const codeHash = (mailKey: KeyObject, userId: string, purpose: string, code: string): string =>
  encode(hmac(mailKey, 'code hash', userId, purpose, code))
