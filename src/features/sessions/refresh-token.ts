import { randomBytes } from 'node:crypto'
import { parse as parseUuid, stringify as uuidText } from 'uuid'
import { decode, encode } from '../../platform/base/base64url.ts'
import { hmac, sameBytes, sha256 } from '../../platform/crypto/derive.ts'
import type { SecretKeys, Secrets } from '../../platform/crypto/secrets.ts'

// A refresh token is `lkr_` and the base64url of user id (16 bytes), session id (16), secret (32), tag (16).
// Each secret is the HMAC of the previous one, so a client that retries gets the same successor, and Redis stores only
// hashes. The tag lets the API reject a token that it never issued without a query to Redis.
//
// The keys of one secret of APP_SECRET make the secret and the tag of a token. A successor is made with those of the current
// secret, so sessions move to it. The session in Redis names the secret of its last token: an instance whose current secret
// is another one makes the same successor again by that name.

const prefix = 'lkr_'
const tagLength = 16
const bodyLength = 16 + 16 + 32

type RefreshKeys = Pick<SecretKeys, 'id' | 'refreshChain' | 'refreshTag'>

/** `keys` are those that the token is made with. */
export type RefreshToken = { userId: string; sessionId: string; secret: Buffer; keys: RefreshKeys }

/** The secret of the first refresh token of a session: 32 random bytes. */
export const firstSecret = (): Buffer => randomBytes(32)

/** The successor of a refresh token under these keys. */
export const nextToken = ({ userId, sessionId, secret }: RefreshToken, keys: RefreshKeys): RefreshToken => ({
  ...{ userId, sessionId, keys },
  secret: hmac(keys.refreshChain, sessionId, secret),
})

/** The hash that is stored in place of a secret. A secret of 256 random bits needs no slow hash. */
export const secretHash = (secret: Buffer): string => encode(sha256(secret))

/** The text of a refresh token, which its client gets. */
export const writeRefreshToken = ({ userId, sessionId, secret, keys }: RefreshToken): string => {
  const body = Buffer.concat([parseUuid(userId), parseUuid(sessionId), secret])
  return prefix + encode(Buffer.concat([body, tagOf(keys, body)]))
}

const tagOf = (keys: RefreshKeys, body: Buffer): Buffer => hmac(keys.refreshTag, body).subarray(0, tagLength)

/** Reads a refresh token. Returns null for a text that was not issued under any of these secrets. */
export const readRefreshToken = (secrets: Pick<Secrets, 'all'>, text: string): RefreshToken | null => {
  if (!text.startsWith(prefix)) return null
  const bytes = decode(text.slice(prefix.length))
  if (bytes?.length !== bodyLength + tagLength) return null
  const body = bytes.subarray(0, bodyLength)
  const keys = secrets.all.find(each => sameBytes(bytes.subarray(bodyLength), tagOf(each, body)))
  if (!keys) return null
  return {
    keys,
    userId: uuidText(body.subarray(0, 16)),
    sessionId: uuidText(body.subarray(16, 32)),
    secret: body.subarray(32),
  }
}
