// Signs tokens (PASETO v4.public), and checks them with the verifier that other services use too: packages/guard.
//
// Ed25519 runs in node:crypto on the calling thread. WebCrypto, which the guard uses elsewhere, queues its jobs in the libuv
// pool, where a flood of slow work would stall every token check.
import { sign as signBytes, verify as verifyBytes } from 'node:crypto'
import { PAE } from 'paseto'
import { type CheckedToken, openTokenCheck as openCheck } from '../../../packages/guard/src/check-token.ts'
import type { CheckSignature } from '../../../packages/guard/src/read-signed.ts'
import { encode } from '../base/base64url.ts'
import { isoTime } from '../base/iso-time.ts'
import type { PublicKey, SecretKey } from './paseto-keys.ts'

/** Returns the claims of an authentic access token of a user or of a machine client. */
export type CheckToken = (token: string, now: Date) => Promise<CheckedToken | 'invalid'>

/** Whether this key signed these bytes. */
export const checkSignature: CheckSignature<PublicKey> = (key, bytes, signature) =>
  verifyBytes(null, bytes, key.handle, signature)

/** Checks access tokens offline, and the signature of each only once. */
export const openTokenCheck = (
  options: Omit<Parameters<typeof openCheck<PublicKey>>[0], 'checkSignature'>,
): CheckToken => {
  const { check } = openCheck({ ...options, checkSignature })
  return (token, now) => check(token, now.getTime())
}

/** Accepts only tokens for this audience, of those that another check accepts. Both share one cache. */
export const onlyFor =
  (audience: string, check: CheckToken): CheckToken =>
  async (token, now) => {
    const checked = await check(token, now)
    return checked === 'invalid' || checked.claims.aud !== audience ? 'invalid' : checked
  }

const header = Buffer.from('v4.public.')

/** Signs any message by the protocol alone. The package encodes what the verifier encodes with its own code. */
export const signMessage = (
  key: SecretKey,
  message: Buffer,
  footer: Buffer,
  implicit: Buffer = Buffer.alloc(0),
): string => {
  const signature = signBytes(null, PAE([header, message, footer, implicit]), key.handle)
  const tail = footer.length > 0 ? `.${encode(footer)}` : ''
  return `${header}${encode(Buffer.concat([message, signature]))}${tail}`
}

/** Signs a token of these claims with `iat` and `exp` (whole seconds). Its footer names the key. */
export const signToken = (
  key: { kid: string; secret: SecretKey },
  claims: Readonly<Record<string, unknown>>,
  { now, ttlSeconds }: { now: Date; ttlSeconds: number },
): string => {
  const [iat, exp] = [wholeSeconds(now.valueOf()), wholeSeconds(now.valueOf() + ttlSeconds * 1000)]
  const message = Buffer.from(JSON.stringify({ ...claims, iat, exp }))
  return signMessage(key.secret, message, Buffer.from(`{"kid":"${key.kid}"}`))
}

/** A time in RFC 3339, cut to whole seconds. */
export const wholeSeconds = (time: number): string => `${isoTime(time).slice(0, -5)}Z`
