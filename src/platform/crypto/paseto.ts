// PASETO v4.public alone: one version, one purpose, typed keys, so that no token can choose its algorithm.
//
// Ed25519 runs by node:crypto on the calling thread. The package's own implementation uses WebCrypto, whose jobs
// wait in the libuv pool behind whatever else is in it, and then a flood of slow work stalls every token check.
//
// Everything that can be refused without a signature is refused first: length, shape, spelling (one token, one
// text) and a footer that is compared as bytes, never parsed.
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto'
import { blake2b } from '@noble/hashes/blake2.js'
import { type Claims, type Key, PAE, PasetoError, PublicProtocol, PublicVerify } from 'paseto'
import { decode, encode } from '../base/base64url.ts'

export type { Claims }
export type PublicKey = Key & { readonly type: 'public'; readonly kid: string; readonly handle: KeyObject }
export type SecretKey = Key & { readonly type: 'secret'; readonly kid: string; readonly handle: KeyObject }
export type AccessClaims = Claims & Record<'iss' | 'sub' | 'aud' | 'exp' | 'iat' | 'sid', string>

const tokenHeader = Buffer.from('v4.public.')
const algorithm = { name: 'PASETO v4.public' }
const requiredClaims = ['iss', 'sub', 'aud', 'exp', 'iat', 'sid']
const maxTokenLength = 4096
const tokenShape = /^v4\.public\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{82})$/
const footerShape = /^\{"kid":"(k4\.pid\.[A-Za-z0-9_-]{44})"\}$/
// Seconds in more years than a date can count: leaves the comparing of times to `verifyToken`.
const anyTime = 1e12

/** The protocol's own reading, without Latchkey's rules on top. */
export const publicV4 = new PublicProtocol(
  PublicVerify<4, PublicKey>({
    version: 4,
    run: async (key, message, signature, footer, implicit) =>
      verifyBytes(null, PAE([tokenHeader, message, footer, implicit]), key.handle, signature),
  }),
)

/** The protocol's own writing: a token of this message, whatever it says. */
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

/** A new Ed25519 key pair as PASERK texts, and its id. The secret one is to be sealed at once. */
export const generateKey = (): { kid: string; paserkPublic: string; paserkSecret: string } => {
  const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  const paserkPublic = `k4.public.${x}`
  const both = Buffer.concat([Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')])
  return { kid: keyId(paserkPublic), paserkPublic, paserkSecret: `k4.secret.${encode(both)}` }
}

/** The PASERK id (`k4.pid.…`, 51 characters) of a `k4.public.…` key. Throws if it is not one. */
export const keyId = (paserkPublic: string): string => {
  material(paserkPublic, 'k4.public.', 32)
  // A 33-byte BLAKE2b is a hash of its own, not a cut of the 64-byte one which is all that node:crypto has.
  return `k4.pid.${encode(blake2b(Buffer.from(`k4.pid.${paserkPublic}`), { dkLen: 33 }))}`
}

/** The verifying key of a `k4.public.…` text. Throws if it is not one. */
export const importPublic = (paserk: string): PublicKey => {
  const x = encode(material(paserk, 'k4.public.', 32))
  const handle = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  return { algorithm, extractable: true, type: 'public', kid: keyId(paserk), handle }
}

/** The signing key of a `k4.secret.…` text. Throws, without naming the text, if it is not one. */
export const importSecret = (paserk: string): SecretKey => {
  const both = material(paserk, 'k4.secret.', 64)
  const [d, x] = [encode(both.subarray(0, 32)), encode(both.subarray(32))]
  const handle = createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', d, x }, format: 'jwk' })
  // Signing with one half and publishing another leaks the secret: both halves must belong together.
  if (createPublicKey(handle).export({ format: 'jwk' }).x !== x) throw new TypeError('not a k4.secret. key')
  return { algorithm, extractable: false, type: 'secret', kid: keyId(`k4.public.${x}`), handle }
}

/** A signed token of these claims with `iat` and `exp` (whole seconds) set, its footer naming the key. */
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

/** The id of the key that claims to have signed this token; null for anything that is not shaped as ours. */
export const tokenKid = (token: string): string | null => parse(token)?.kid ?? null

/**
 * The claims of a token that this key signed for this audience: `'invalid'` for whatever else, `'expired'` only
 * when its age is the one thing wrong with it. `allowExpired` takes such a token too (to end its session);
 * `clockTolerance` is in seconds, 0 by default. Never throws for any token.
 */
export const verifyToken = async (
  key: PublicKey,
  token: string,
  expected: { issuer: string; audience: string; now: Date; clockTolerance?: number; allowExpired?: boolean },
): Promise<{ claims: AccessClaims } | 'expired' | 'invalid'> => {
  const parts = parse(token)
  if (parts?.kid !== key.kid) return 'invalid'
  const { issuer, audience, now, clockTolerance = 0, allowExpired = false } = expected
  const claims = await authenticClaims(key, token, { issuer, audience, now })
  if (claims === null || !sameText(claims, parts.payload)) return 'invalid'
  const [early, late] = [now.valueOf() + clockTolerance * 1000, now.valueOf() - clockTolerance * 1000]
  if (Date.parse(claims.iat) > early || (claims.nbf && Date.parse(claims.nbf) > early)) return 'invalid'
  if (Date.parse(claims.exp) < late && !allowExpired) return 'expired'
  return { claims }
}

const authenticClaims = async (
  key: PublicKey,
  token: string,
  expected: { issuer: string; audience: string; now: Date },
): Promise<AccessClaims | null> => {
  try {
    const options = { ...expected, requiredClaims, clockTolerance: anyTime }
    const { claims } = await publicV4.Verify(key, token, options)
    return isAccess(claims) ? claims : null
  } catch (fault) {
    if (fault instanceof PasetoError) return null
    throw fault
  }
}

const isAccess = (claims: Claims): claims is AccessClaims =>
  requiredClaims.every(name => typeof claims[name] === 'string' && claims[name] !== '')

// JSON.parse keeps the last of two equal names, another reader the first. We write with JSON.stringify, so a
// payload that does not come out the same again is none of ours.
const sameText = (claims: Claims, payload: Buffer): boolean =>
  Buffer.from(JSON.stringify(claims)).equals(payload.subarray(0, -64))

const parse = (token: string): { kid: string; payload: Buffer } | null => {
  if (typeof token !== 'string' || token.length > maxTokenLength) return null
  const [, body = '', tail = ''] = tokenShape.exec(token) ?? []
  const kid = footerShape.exec(decode(tail)?.toString('latin1') ?? '')?.[1]
  const payload = decode(body)
  return kid && payload && payload.length > 64 ? { kid, payload } : null
}

const material = (paserk: string, header: string, length: number): Buffer => {
  const bytes = paserk.startsWith(header) ? decode(paserk.slice(header.length)) : null
  if (bytes?.length !== length) throw new TypeError(`not a ${header} key`)
  return bytes
}
