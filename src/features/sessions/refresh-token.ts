import { randomBytes } from 'node:crypto'
import { parse as parseUuid, stringify as uuidText } from 'uuid'
import { decode, encode } from '../../platform/base/base64url.ts'
import { hmac, sameBytes, sha256 } from '../../platform/crypto/derive.ts'
import type { Secrets } from '../../platform/crypto/secrets.ts'

// A refresh token is `lkr_` and the base64url of user id (16 bytes), session id (16), secret (32), tag (16).
// Each secret is the HMAC of the previous one, so a client that retries gets the same successor, and Redis stores only
// hashes. The tag lets the API reject a token that it never issued without a query to Redis.

const prefix = 'lkr_'
const tagLength = 16
const bodyLength = 16 + 16 + 32

type RefreshKeys = Pick<Secrets, 'refreshChain' | 'refreshTag'>

export type RefreshToken = { userId: string; sessionId: string; secret: Buffer }

/** The secret of the first refresh token of a session: 32 random bytes. */
export const firstSecret = (): Buffer => randomBytes(32)

/** The secret of the successor of a refresh token. */
export const nextSecret = (keys: RefreshKeys, token: RefreshToken): Buffer =>
  hmac(keys.refreshChain, token.sessionId, token.secret)

/** The hash that is stored in place of a secret. A secret of 256 random bits needs no slow hash. */
export const secretHash = (secret: Buffer): string => encode(sha256(secret))

/** The text of a refresh token, which its client gets. */
export const writeRefreshToken = (keys: RefreshKeys, token: RefreshToken): string => {
  const body = Buffer.concat([parseUuid(token.userId), parseUuid(token.sessionId), token.secret])
  return prefix + encode(Buffer.concat([body, hmac(keys.refreshTag, body).subarray(0, tagLength)]))
}

/** Reads a refresh token. Returns null for a text that was not issued with these keys. */
export const readRefreshToken = (keys: RefreshKeys, text: string): RefreshToken | null => {
  if (!text.startsWith(prefix)) return null
  const bytes = decode(text.slice(prefix.length))
  if (bytes?.length !== bodyLength + tagLength) return null
  const body = bytes.subarray(0, bodyLength)
  if (!sameBytes(bytes.subarray(bodyLength), hmac(keys.refreshTag, body).subarray(0, tagLength))) return null
  return {
    userId: uuidText(body.subarray(0, 16)),
    sessionId: uuidText(body.subarray(16, 32)),
    secret: body.subarray(32),
  }
}
