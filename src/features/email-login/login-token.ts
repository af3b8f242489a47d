import { randomBytes } from 'node:crypto'
import { decode, encode } from '../../platform/base/base64url.ts'

// The token of a client that asked for a code by email: `lke_` and 256 random bits. Redis knows its hash. The code of the
// email works only together with it.

const prefix = 'lke_'

export const newLoginSecret = (): Buffer => randomBytes(32)

export const writeLoginToken = (secret: Uint8Array): string => prefix + encode(secret)

/** The secret of a login token; null for any other text. */
export const readLoginToken = (text: string): Buffer | null => {
  const secret = text.startsWith(prefix) ? decode(text.slice(prefix.length)) : null
  return secret?.length === 32 ? secret : null
}
