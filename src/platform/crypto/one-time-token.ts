import { parse as parseUuid, stringify as uuidText } from 'uuid'
import { decode, encode } from '../base/base64url.ts'
import { codeDigits } from '../catalog/token-purposes.ts'
import { hmac, type MacKey, sameBytes, sha256 } from './derive.ts'
import type { Secrets } from './secrets.ts'

// The token and the code of an email are HMACs of the email's id. They exist nowhere until the email is written, and a job
// that runs twice writes the same ones. Stores hold only hashes.

const prefix = 'lkp_'

const digitsOf = (purpose: string): number => (codeDigits as Record<string, number>)[purpose] ?? 6

/**
 * Token secret (32 bytes) and code (see `codeDigits`) of one email. The row of the email names the secret of APP_SECRET whose
 * `mailKey` is used, so that every worker derives the same.
 */
export const emailSecrets = (mailKey: MacKey, purpose: string, emailId: string) => {
  const digits = digitsOf(purpose)
  const number = hmac(mailKey, 'code', purpose, emailId).readUIntBE(0, 6) % 10 ** digits
  return {
    secret: tokenSecret(mailKey, purpose, emailId),
    code: String(number).padStart(digits, '0'),
  }
}

const tokenSecret = (mailKey: MacKey, purpose: string, emailId: string): Buffer =>
  hmac(mailKey, 'token', purpose, emailId)

/** Whether a token with this secret was derived for the email under any secret of APP_SECRET. */
export const isTokenOf = (
  { all }: Pick<Secrets, 'all'>,
  { purpose, emailId }: { purpose: string; emailId: string },
  secret: Buffer,
): boolean => all.some(({ mail }) => sameBytes(tokenSecret(mail, purpose, emailId), secret))

/** `lkp_` and the base64url of user id (16 bytes) and secret (32). */
export const writeOneTimeToken = (userId: string, secret: Buffer): string =>
  prefix + encode(Buffer.concat([parseUuid(userId), secret]))

/** Parses an emailed token; null if the text is not one. */
export const readOneTimeToken = (text: string): { userId: string; secret: Buffer } | null => {
  if (!text.startsWith(prefix)) return null
  const bytes = decode(text.slice(prefix.length))
  if (bytes?.length !== 48) return null
  try {
    return { userId: uuidText(bytes.subarray(0, 16)), secret: bytes.subarray(16) }
  } catch {
    return null // The 16 bytes are not a UUID.
  }
}

/** The hash that stores hold in place of the secret of a token. */
export const tokenHash = (secret: Buffer): string => encode(sha256(secret))

/** Keyed: an attacker with a dump of the store could find the code of a plain hash by trying all codes. */
export const codeHash = (mailKey: MacKey, userId: string, purpose: string, code: string): string =>
  encode(hmac(mailKey, 'code hash', userId, purpose, code))
