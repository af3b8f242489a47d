import { type Fetch, fetchIssuer } from './fetch-issuer.ts'
import { checkSignature, type VerifyKey } from './published-keys.ts'
import { readJson, timeOf } from './read-claims.ts'
import { type FindKey, readSigned } from './read-signed.ts'

/** A reply of `/.well-known/revocations`. */
export type FeedPage = {
  /** Where the next reply continues. */
  readonly cursor: string
  /** Whether further entries follow at once. */
  readonly hasMore: boolean
  /** The ids of sessions that ended. */
  readonly sessions: readonly string[]
  /** Tokens of these subjects that were issued at this time or before are refused. In milliseconds. */
  readonly users: readonly { readonly sub: string; readonly before: number }[]
}

export type FeedOptions = {
  readonly issuer: string
  readonly fetch: Fetch
  readonly findKey: FindKey<VerifyKey>
  /** Seconds. */
  readonly clockTolerance: number
}

const limit = 1_000_000
/** Without a cursor, Latchkey replies at once. With one it replies after 25 s if nothing has ended. */
const [timeoutMs, waitTimeoutMs] = [5000, 35_000]
/** How old a reply may be on its way, in milliseconds. */
const maxAgeMs = 30_000

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

const readUser = (value: unknown): FeedPage['users'][number] | null => {
  const { sub, before } = (value ?? {}) as { sub?: unknown; before?: unknown }
  const time = timeOf(before)
  return isText(sub) && !Number.isNaN(time) ? { sub, before: time } : null
}

const readPage = (claims: Readonly<Record<string, unknown>>): FeedPage | null => {
  const { cursor, more, sessions, users } = claims
  if (!isText(cursor) || !Array.isArray(sessions) || !Array.isArray(users)) return null
  const known = users.map(readUser)
  if (!sessions.every(isText) || !known.every(user => user !== null)) return null
  return { cursor, hasMore: more === true, sessions, users: known }
}

/**
 * Reads what ended, from the beginning or after a cursor. Throws unless it is a signed reply of this issuer to this
 * question, of now: an attacker could otherwise answer with an older list, or with the continuation of another one, and so
 * hide what came in between.
 */
export const readFeed = async (
  { issuer, fetch, findKey, clockTolerance }: FeedOptions,
  after: string | null,
): Promise<FeedPage> => {
  const path = `${issuer}/.well-known/revocations`
  const url = after === null ? path : `${path}?after=${encodeURIComponent(after)}`
  const request = { fetch, accept: 'text/plain', limit }
  const timeout = after === null ? timeoutMs : waitTimeoutMs
  const { text } = await fetchIssuer(url, { ...request, timeoutMs: timeout })
  const signed = { findKey, checkSignature, implicitAssertion: 'revocations', maxLength: limit }
  const message = await readSigned(text, signed)
  const claims = message && readJson(message)
  const page = claims && readPage(claims)
  if (!page || claims.iss !== issuer) throw new Error(`${path} does not reply with a list of its issuer`)
  if (claims.after !== undefined && claims.after !== after)
    throw new Error(`${path} replies to another question`)
  const age = Date.now() - timeOf(claims.iat)
  if (!(age <= maxAgeMs + clockTolerance * 1000 && age >= -clockTolerance * 1000))
    throw new Error(`${path} replies with a list of another time`)
  return page
}
