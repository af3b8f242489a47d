import { type AccessClaims, atTime, type PublicKey, tokenKid, verifyToken } from './paseto.ts'

// A client sends the same access token with every request, and checking its signature costs more than all else that
// happens before a handler. So a token that was found authentic is remembered: its whole text, for as long as the key
// that signed it is the one of its id, and no longer than it is good.

type Known = { key: PublicKey; claims: AccessClaims }

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
  findKey: (kid: string) => Promise<PublicKey | null>
  /** How many tokens are remembered, some 1 kB each. */
  atMost?: number
}

/** Checks access tokens offline, the signature of each once. Of those remembered the latest used are kept. */
export const openTokenCheck = (options: Options): CheckToken => {
  const { issuer, audience, clockTolerance, findKey, atMost = 10_000 } = options
  const parties = { issuer, audience }
  // Two generations: what was not seen during a whole one is forgotten with it.
  let young = new Map<string, Known>()
  let old = new Map<string, Known>()

  const recall = (token: string): Known | undefined => young.get(token) ?? old.get(token)
  const remember = (token: string, key: PublicKey, claims: AccessClaims): void => {
    if (young.has(token)) return
    if (young.size >= atMost / 2) [old, young] = [young, new Map()]
    young.set(token, { key, claims: frozen(claims) })
  }
  const forget = (token: string): void => {
    young.delete(token)
    old.delete(token)
  }

  return async (token, now) => {
    const known = recall(token)
    const kid = known?.key.kid ?? tokenKid(token)
    const key = kid && (await findKey(kid))
    if (known && known.key !== key) forget(token)
    if (!key) return 'invalid'
    const moment = { now, clockTolerance, allowExpired: true }
    const verified =
      known?.key === key
        ? atTime(known.claims, moment)
        : await verifyToken(key, token, { ...parties, ...moment })
    if (typeof verified === 'string') return 'invalid'
    const isExpired = Date.parse(verified.claims.exp) < now.getTime() - clockTolerance * 1000
    if (isExpired) forget(token)
    else remember(token, key, verified.claims)
    return { claims: verified.claims, isExpired }
  }
}

// Every request with this token gets the same object: none of them may change what the next one is told.
const frozen = (claims: AccessClaims): AccessClaims => {
  for (const value of Object.values(claims)) Object.freeze(value)
  return Object.freeze(claims)
}
