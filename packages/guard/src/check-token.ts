import type { Claims } from './claims.ts'
import { isPending } from './is-pending.ts'
import { type DatedClaims, type Expected, readClaims } from './read-claims.ts'
import { type CheckSignature, type FindKey, type NamedKey, readSigned } from './read-signed.ts'
import { parseToken } from './signed-token.ts'
import { openTokenCache } from './token-cache.ts'

/** Checks access tokens of one issuer. */
export type TokenCheck = {
  readonly check: (token: string, now: number) => Promise<CheckedToken | 'invalid'>
  /** The claims of a token that was checked before and is valid now. Null for any other, of which `check` says more. */
  readonly recall: (token: string, now: number) => Claims | null
}

/** The claims of an authentic access token. `isExpired` means that only its age is wrong. */
export type CheckedToken = { readonly claims: Claims; readonly isExpired: boolean }

/** The claims of a token that this key signed for this audience. The caller compares the times. */
export const verifyWith = async <K extends NamedKey>(
  key: K,
  token: string,
  { checkSignature, ...expected }: Expected & { checkSignature: CheckSignature<K> },
): Promise<DatedClaims | null> => {
  const findKey = (kid: string): K | null => (kid === key.kid ? key : null)
  const message = await readSigned(token, { findKey, checkSignature })
  return message && readClaims(message, expected)
}

type Options<K extends NamedKey> = Expected & {
  /** Seconds by which the clocks of issuer and verifier may differ. */
  readonly clockTolerance: number
  /** The check throws what this throws. */
  readonly findKey: FindKey<K>
  readonly checkSignature: CheckSignature<K>
  /** How many tokens the cache holds, about 1 kB each. */
  readonly maxTokens?: number
}

/**
 * Opens a check of access tokens that checks the signature of each only once: a client sends the same token with every
 * request, and its signature costs more than everything else before a handler.
 */
export const openTokenCheck = <K extends NamedKey>(options: Options<K>): TokenCheck => {
  const { findKey, clockTolerance, maxTokens = 10_000 } = options
  const tolerance = clockTolerance * 1000
  const cache = openTokenCache<K>(maxTokens)

  const check: TokenCheck['check'] = async (token, now) => {
    const cached = cache.find(token)
    const kid = cached?.key.kid ?? parseToken(token)?.kid
    if (kid === undefined) return 'invalid'
    const found = findKey(kid)
    const key = isPending(found) ? await found : found
    if (cached && cached.key !== key) cache.drop(token)
    if (!key) return 'invalid'
    const valid = cached?.key === key ? cached : await verifyWith(key, token, options)
    if (!valid || valid.from > now + tolerance) return 'invalid'
    const isExpired = valid.until < now - tolerance
    if (isExpired) cache.drop(token)
    else if (valid !== cached) cache.store(token, { ...valid, key })
    return { claims: valid.claims, isExpired }
  }
  const recall: TokenCheck['recall'] = (token, now) => {
    const cached = cache.find(token)
    if (!cached || cached.from > now + tolerance || cached.until < now - tolerance) return null
    const found = findKey(cached.key.kid)
    // `check` asks again. An error that no caller awaits would end the process.
    if (isPending(found)) found.catch(() => {})
    return found === cached.key ? cached.claims : null
  }
  return { check, recall }
}
