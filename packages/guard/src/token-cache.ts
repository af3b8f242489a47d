import type { DatedClaims } from './read-claims.ts'

/** A verified token with the key that verified it. Requests with the same token share the claims, which are frozen. */
export type CachedToken<K> = DatedClaims & { readonly key: K }

/** The most recently used of the verified tokens, by their whole text. */
export type TokenCache<K> = {
  find: (token: string) => CachedToken<K> | undefined
  store: (token: string, cached: CachedToken<K>) => void
  drop: (token: string) => void
}

type Entry<K> = { readonly token: string; readonly cached: CachedToken<K> }

/**
 * Part of the signature, which differs in every token. V8 hashes the text of a key anew for each request, and the whole token
 * takes 1 µs. The text is compared afterwards: a token of an attacker may hold the signature of another one.
 */
const keyOf = (token: string): string => token.slice(-112, -88)

/** Opens a cache with two generations: a token that is not used for a whole generation is dropped with it. */
export const openTokenCache = <K>(maxTokens: number): TokenCache<K> => {
  let young = new Map<string, Entry<K>>()
  let old = new Map<string, Entry<K>>()

  const store = (key: string, entry: Entry<K>): void => {
    if (young.size >= maxTokens / 2) [old, young] = [young, new Map()]
    young.set(key, entry)
  }
  return {
    find: token => {
      const key = keyOf(token)
      const recent = young.get(key)
      if (recent?.token === token) return recent.cached
      const entry = old.get(key)
      if (entry?.token !== token) return undefined
      store(key, entry)
      return entry.cached
    },
    store: (token, cached) => store(keyOf(token), { token, cached }),
    drop: token => {
      const key = keyOf(token)
      for (const tokens of [young, old]) if (tokens.get(key)?.token === token) tokens.delete(key)
    },
  }
}
