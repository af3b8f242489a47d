import { type AccessClaims, type PublicKey, tokenKid, verifyToken } from './paseto.ts'

// A client sends the same access token with every request, and checking its signature costs more than all else that
// happens before a handler. So a token that was found authentic is remembered: its whole text, for as long as the key
// that signed it is the one of its id, and no longer than it is good.

/** When it is good, in milliseconds. */
type Known = { key: PublicKey; claims: AccessClaims; from: number; until: number }

/** The claims of an authentic access token, `isExpired` where its age is the one thing wrong with it. */
export type CheckToken = (
  token: string,
  now: Date,
) => Promise<{ claims: AccessClaims; isExpired: boolean } | 'invalid'>

type Options = {
  issuer: string
  audience: string
  /** Seconds that the clocks of issuer and reader may differ by. */
  clockTolerance: number
  /** The key of this id, for as long as what it signed is good. What it throws, the check throws. */
  findKey: (kid: string) => PublicKey | null | Promise<PublicKey | null>
  /** How many tokens are remembered, some 1 kB each. */
  atMost?: number
}

/** Checks access tokens offline, the signature of each once. Of those remembered the latest used are kept. */
export const openTokenCheck = (options: Options): CheckToken => {
  const { issuer, audience, findKey, atMost = 10_000 } = options
  const tolerance = options.clockTolerance * 1000
  const expected = { issuer, audience, clockTolerance: options.clockTolerance, allowExpired: true }
  // Two generations: what was not seen during a whole one is forgotten with it.
  let young = new Map<string, Known>()
  let old = new Map<string, Known>()

  const recall = (token: string): Known | undefined => young.get(token) ?? old.get(token)
  const remember = (token: string, known: Known): void => {
    if (young.has(token)) return
    if (young.size >= atMost / 2) [old, young] = [young, new Map()]
    young.set(token, known)
  }
  const forget = (token: string): void => {
    young.delete(token)
    old.delete(token)
  }

  return async (token, now) => {
    const known = recall(token)
    const kid = known?.key.kid ?? tokenKid(token)
    const found = kid === null ? null : findKey(kid)
    const key = found instanceof Promise ? await found : found
    if (known && known.key !== key) forget(token)
    if (!key) return 'invalid'
    const genuine = known?.key === key ? known : await genuineOf(key, token, { ...expected, now })
    const at = now.getTime()
    if (!genuine || genuine.from > at + tolerance) return 'invalid'
    const isExpired = genuine.until < at - tolerance
    if (isExpired) forget(token)
    else remember(token, genuine)
    return { claims: genuine.claims, isExpired }
  }
}

const genuineOf = async (
  key: PublicKey,
  token: string,
  expected: Parameters<typeof verifyToken>[2],
): Promise<Known | null> => {
  const verified = await verifyToken(key, token, expected)
  if (typeof verified === 'string') return null
  const { claims } = verified
  // Every request with this token gets the same object: none of them may change what the next one is told.
  for (const value of Object.values(claims)) Object.freeze(value)
  const from = Math.max(Date.parse(claims.iat), claims.nbf ? Date.parse(claims.nbf) : 0)
  return { key, claims: Object.freeze(claims), from, until: Date.parse(claims.exp) }
}
