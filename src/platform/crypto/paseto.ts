// PASETO v4.public only: one version, one purpose and typed keys, so that no token can choose its algorithm.
//
// Ed25519 runs in node:crypto on the calling thread. The implementation of the package uses WebCrypto, whose jobs queue in
// the libuv pool, where a flood of slow work would stall every token check.
//
// Cheap checks come before the signature: length, shape, canonical base64url (a token has one spelling) and the footer,
// which is compared as bytes and never parsed.
import { sign as signBytes, verify as verifyBytes } from 'node:crypto'
import { type Claims, PAE, PasetoError, PublicProtocol, PublicVerify } from 'paseto'
import { decode, encode } from '../base/base64url.ts'
import type { PublicKey, SecretKey } from './paseto-keys.ts'

export type { Claims }
export type AccessClaims = Claims & Record<'iss' | 'sub' | 'aud' | 'exp' | 'iat' | 'sid', string>

const tokenHeader = Buffer.from('v4.public.')
const requiredClaims = ['iss', 'sub', 'aud', 'exp', 'iat', 'sid']
const maxTokenLength = 4096
const tokenShape = /^v4\.public\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{82})$/
const footerShape = /^\{"kid":"(k4\.pid\.[A-Za-z0-9_-]{44})"\}$/
// More seconds than any date holds, so that the package accepts every time and `verifyToken` compares them.
const anyTime = 1e12

/** Verifies tokens by the protocol alone, without the rules of Latchkey. */
export const publicV4 = new PublicProtocol(
  PublicVerify<4, PublicKey>({
    version: 4,
    run: async (key, message, signature, footer, implicit) =>
      verifyBytes(null, PAE([tokenHeader, message, footer, implicit]), key.handle, signature),
  }),
)

/** Signs any message by the protocol alone. */
export const signMessage = (
  key: SecretKey,
  message: Buffer,
  footer: Buffer,
  implicit: Buffer = Buffer.alloc(0),
): string => {
  const signature = signBytes(null, PAE([tokenHeader, message, footer, implicit]), key.handle)
  const tail = footer.length > 0 ? `.${encode(footer)}` : ''
  return `${tokenHeader}${encode(Buffer.concat([message, signature]))}${tail}`
}

/** Signs a token of these claims with `iat` and `exp` (whole seconds). Its footer names the key. */
export const signToken = (
  key: { kid: string; secret: SecretKey },
  claims: Claims,
  { now, ttlSeconds }: { now: Date; ttlSeconds: number },
): string => {
  const { iat: _iat, exp: _exp, ...rest } = claims
  const [iat, exp] = [wholeSeconds(now.valueOf()), wholeSeconds(now.valueOf() + ttlSeconds * 1000)]
  const message = Buffer.from(JSON.stringify({ ...rest, iat, exp }))
  return signMessage(key.secret, message, Buffer.from(`{"kid":"${key.kid}"}`))
}

const wholeSeconds = (time: number): string => new Date(time).toISOString().replace(/\.\d{3}Z$/, 'Z')

/** The id of the key that this token names in its footer; null if the token does not have our shape. */
export const tokenKid = (token: string): string | null => parse(token)?.kid ?? null

/**
 * Returns the claims of a token that this key signed for this audience, `'expired'` if only its age is wrong, and
 * `'invalid'` for every other token. `allowExpired` accepts an expired token (to end its session). `clockTolerance` is in
 * seconds, 0 by default. Never throws because of a token.
 */
export const verifyToken = async (
  key: PublicKey,
  token: string,
  expected: { issuer: string; audience: string; now: Date; clockTolerance?: number; allowExpired?: boolean },
): Promise<{ claims: AccessClaims } | 'expired' | 'invalid'> => {
  const parts = parse(token)
  if (parts?.kid !== key.kid) return 'invalid'
  const { issuer, audience, now, clockTolerance = 0, allowExpired = false } = expected
  const claims = await verifiedClaims(key, token, { issuer, audience, now })
  if (claims === null || !isCanonical(claims, parts.payload)) return 'invalid'
  const [early, late] = [now.valueOf() + clockTolerance * 1000, now.valueOf() - clockTolerance * 1000]
  if (Date.parse(claims.iat) > early || (claims.nbf && Date.parse(claims.nbf) > early)) return 'invalid'
  if (Date.parse(claims.exp) < late && !allowExpired) return 'expired'
  return { claims }
}

const verifiedClaims = async (
  key: PublicKey,
  token: string,
  expected: { issuer: string; audience: string; now: Date },
): Promise<AccessClaims | null> => {
  try {
    const options = { ...expected, requiredClaims, clockTolerance: anyTime }
    const { claims } = await publicV4.Verify(key, token, options)
    return isAccessClaims(claims) ? claims : null
  } catch (error) {
    if (error instanceof PasetoError) return null
    throw error
  }
}

const isAccessClaims = (claims: Claims): claims is AccessClaims =>
  requiredClaims.every(name => typeof claims[name] === 'string' && claims[name] !== '')

// JSON.parse keeps the last of two claims with the same name, and another parser may keep the first. Latchkey writes with
// JSON.stringify, so it refuses a payload that JSON.stringify would write differently.
const isCanonical = (claims: Claims, payload: Buffer): boolean =>
  Buffer.from(JSON.stringify(claims)).equals(payload.subarray(0, -64))

const parse = (token: string): { kid: string; payload: Buffer } | null => {
  if (typeof token !== 'string' || token.length > maxTokenLength) return null
  const [, body = '', tail = ''] = tokenShape.exec(token) ?? []
  const kid = footerShape.exec(decode(tail)?.toString('latin1') ?? '')?.[1]
  const payload = decode(body)
  return kid && payload && payload.length > 64 ? { kid, payload } : null
}
