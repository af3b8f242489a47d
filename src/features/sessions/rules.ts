import { randomBytes } from 'node:crypto'
import { parse as parseUuid, stringify as uuidText } from 'uuid'
import * as v from 'valibot'
import { decode, encode } from '../../platform/base/base64url.ts'
import { named } from '../../platform/base/field-shapes.ts'
import { hmac, sameBytes, sha256 } from '../../platform/crypto/derive.ts'
import type { Secrets } from '../../platform/crypto/secrets.ts'
import { userReply } from '../users/types.ts'

// A refresh token is `lkr_` and the base64url of user id (16 bytes), session id (16), secret (32), tag (16).
// Each secret is the HMAC of the one before it, so whoever asks twice gets the same successor and the store
// keeps hashes only. The tag throws out what was never issued before Redis is asked.

/** How long after a rotation the token before it still gets the same successor, in milliseconds. */
export const rotationGrace = 10_000

/** One more ends the one that was quiet for longest. */
export const sessionsAtMost = 20

const prefix = 'lkr_'
const tagLength = 16
const bodyLength = 16 + 16 + 32

type RefreshKeys = Pick<Secrets, 'refreshChain' | 'refreshTag'>

export type RefreshToken = { userId: string; sessionId: string; secret: Buffer }

export const firstSecret = (): Buffer => randomBytes(32)

/** The secret that follows this one. */
export const nextSecret = (keys: RefreshKeys, token: RefreshToken): Buffer =>
  hmac(keys.refreshChain, token.sessionId, token.secret)

/** What is stored in place of a secret: 256 random bits need no slow hash. */
export const secretHash = (secret: Buffer): string => encode(sha256(secret))

export const writeRefreshToken = (keys: RefreshKeys, token: RefreshToken): string => {
  const body = Buffer.concat([parseUuid(token.userId), parseUuid(token.sessionId), token.secret])
  return prefix + encode(Buffer.concat([body, hmac(keys.refreshTag, body).subarray(0, tagLength)]))
}

/** Reads a refresh token. Returns null for anything that these keys did not issue. */
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

/** Tokens of a session (RFC 6749, section 5.1). Times in seconds. */
export const tokenReply = named('Tokens', {
  access_token: v.string(),
  token_type: v.literal('Bearer'),
  expires_in: v.pipe(v.number(), v.integer()),
  /** Absent where the token is in a cookie. */
  refresh_token: v.optional(v.string()),
  refresh_expires_in: v.pipe(v.number(), v.integer()),
  session_id: v.pipe(v.string(), v.uuid()),
})

export const sessionReply = named('SessionTokens', { ...tokenReply.entries, user: userReply })

export type TokenReply = v.InferOutput<typeof tokenReply>
export type SessionReply = v.InferOutput<typeof sessionReply>
