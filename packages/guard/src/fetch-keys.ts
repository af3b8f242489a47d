import { type Fetch, fetchIssuer } from './fetch-issuer.ts'
import { type PublishedKey, readPublishedKeys } from './published-keys.ts'

const limit = 65_536
const timeoutMs = 5000

/** The bounds of `max-age`: no flood of requests, and a key that was withdrawn stops working within an hour. */
const [shortestMs, usualMs, longestMs] = [10_000, 300_000, 3_600_000]

/** For how long a reply is fresh (RFC 9111): `max-age` minus its age in caches. */
export const freshFor = (headers: Headers): number => {
  const cacheControl = headers.get('cache-control') ?? ''
  if (/(?:^|[\s,])no-(?:store|cache)(?:$|[\s,])/i.test(cacheControl)) return shortestMs
  const maxAge = /(?:^|[\s,])max-age="?(\d{1,9})/i.exec(cacheControl)?.[1]
  if (maxAge === undefined) return usualMs
  const age = /^\d{1,9}$/.exec(headers.get('age') ?? '')?.[0] ?? '0'
  return Math.min(longestMs, Math.max(shortestMs, (Number(maxAge) - Number(age)) * 1000))
}

/** What an issuer publishes now, and for how many milliseconds it is fresh. */
export type FetchedKeys = { readonly keys: readonly PublishedKey[]; readonly freshMs: number }

/** Fetches the public keys of an issuer. Throws if no key can be read. */
export const fetchKeys = async (issuer: string, fetch: Fetch): Promise<FetchedKeys> => {
  const url = `${issuer}/.well-known/paseto-keys`
  const { text, headers } = await fetchIssuer(url, { fetch, accept: 'application/json', limit, timeoutMs })
  const { keys } = (JSON.parse(text) ?? {}) as { keys?: unknown }
  return { keys: readPublishedKeys(keys), freshMs: freshFor(headers) }
}
