import { randomBytes } from 'node:crypto'
import { parse as parseUuid } from 'uuid'
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
const idLength = 16
const tagLength = 16
const bodyLength = 2 * idLength + 32

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
  const bytes = Buffer.allocUnsafe(bodyLength + tagLength)
  bytes.set(parseUuid(userId), 0)
  bytes.set(parseUuid(sessionId), idLength)
  secret.copy(bytes, 2 * idLength)
  tagOf(keys, bytes.subarray(0, bodyLength)).copy(bytes, bodyLength)
  return prefix + encode(bytes)
}

const readId = (bytes: Buffer, at: number): string => {
  const hex = bytes.toString('hex', at, at + idLength)
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
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
    userId: readId(body, 0),
    sessionId: readId(body, idLength),
    secret: body.subarray(2 * idLength),
  }
}
