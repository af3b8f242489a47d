import type { DatedClaims } from './read-claims.ts'

/** A verified token with the key that verified it. Requests with the same token share the claims, which are frozen. */
export type CachedToken<K> = DatedClaims & { readonly key: K }

/** The most recently used of the verified tokens, by their whole text. */
export type TokenCache<K> = {
  find: (token: string) => CachedToken<K> | undefined
  store: (token: string, cached: CachedToken<K>) => void
  drop: (token: string) => void
}

/** Opens a cache with two generations: a token that is not used for a whole generation is dropped with it. */
export const openTokenCache = <K>(maxTokens: number): TokenCache<K> => {
  let young = new Map<string, CachedToken<K>>()
  let old = new Map<string, CachedToken<K>>()

  const store = (token: string, cached: CachedToken<K>): void => {
    if (young.size >= maxTokens / 2) [old, young] = [young, new Map()]
    young.set(token, cached)
  }
  return {
    find: token => {
      const recent = young.get(token)
      if (recent) return recent
      const cached = old.get(token)
      if (cached) store(token, cached)
      return cached
    },
    store,
    drop: token => {
      young.delete(token)
      old.delete(token)
    },
  }
}
