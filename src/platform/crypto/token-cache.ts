import { type AccessClaims, tokenKid, verifyToken } from './paseto.ts'
import type { PublicKey } from './paseto-keys.ts'

// A client sends the same access token with every request, and verifying its signature costs more than everything else
// before a handler. So the cache keeps a verified token, by its whole text, until it expires or the key with its id
// changes.

/** `from` and `until` are in milliseconds. */
type Verified = { key: PublicKey; claims: AccessClaims; from: number; until: number }

/** Returns the claims of an authentic access token. `isExpired` means that only its age is wrong. */
export type CheckToken = (
  token: string,
  now: Date,
) => Promise<{ claims: AccessClaims; isExpired: boolean } | 'invalid'>

type Options = {
  issuer: string
  audience: string
  /** Seconds by which the clocks of issuer and verifier may differ. */
  clockTolerance: number
  /** The key with this id, as long as its tokens are valid. The check throws the error of this call. */
  findKey: (kid: string) => PublicKey | null | Promise<PublicKey | null>
  /** How many tokens the cache holds, about 1 kB each. */
  maxTokens?: number
}

/** Checks access tokens offline, and the signature of each only once. The cache keeps the most recently used tokens. */
export const openTokenCheck = (options: Options): CheckToken => {
  const { issuer, audience, findKey, maxTokens = 10_000 } = options
  const tolerance = options.clockTolerance * 1000
  const expected = { issuer, audience, clockTolerance: options.clockTolerance, allowExpired: true }
  // Two generations: a token that is not used for a whole generation is dropped with it.
  let young = new Map<string, Verified>()
  let old = new Map<string, Verified>()

  const find = (token: string): Verified | undefined => young.get(token) ?? old.get(token)
  const store = (token: string, cached: Verified): void => {
    if (young.has(token)) return
    if (young.size >= maxTokens / 2) [old, young] = [young, new Map()]
    young.set(token, cached)
  }
  const drop = (token: string): void => {
    young.delete(token)
    old.delete(token)
  }

  return async (token, now) => {
    const cached = find(token)
    const kid = cached?.key.kid ?? tokenKid(token)
    const found = kid === null ? null : findKey(kid)
    const key = found instanceof Promise ? await found : found
    if (cached && cached.key !== key) drop(token)
    if (!key) return 'invalid'
    const valid = cached?.key === key ? cached : await verify(key, token, { ...expected, now })
    const at = now.getTime()
    if (!valid || valid.from > at + tolerance) return 'invalid'
    const isExpired = valid.until < at - tolerance
    if (isExpired) drop(token)
    else store(token, valid)
    return { claims: valid.claims, isExpired }
  }
}

const verify = async (
  key: PublicKey,
  token: string,
  expected: Parameters<typeof verifyToken>[2],
): Promise<Verified | null> => {
  const result = await verifyToken(key, token, expected)
  if (typeof result === 'string') return null
  const { claims } = result
  // Requests with the same token share this object, so none of them may change it.
  for (const value of Object.values(claims)) Object.freeze(value)
  const from = Math.max(Date.parse(claims.iat), claims.nbf ? Date.parse(claims.nbf) : 0)
  return { key, claims: Object.freeze(claims), from, until: Date.parse(claims.exp) }
}
