import { openTokenCheck } from './check-token.ts'
import type { Claims } from './claims.ts'
import { type FeedStore, openFeedStore, type RevocationOptions } from './feed-store.ts'
import { canonicalUrl, type Fetch, issuerUrl } from './fetch-issuer.ts'
import { fetchKeys } from './fetch-keys.ts'
import { openFixedKeys, openKeyStore } from './key-store.ts'
import { checkSignature, type PublishedKey, readPublishedKeys, type VerifyKey } from './published-keys.ts'
import type { FindKey } from './read-signed.ts'
import { type Recall, withRecall } from './recall.ts'
import { TokenError } from './token-error.ts'

export type VerifierOptions = {
  /** The `PUBLIC_URL` of the Latchkey instance that issues the tokens. */
  readonly issuer: string
  /** The audience of the tokens that this service accepts: one of `AUDIENCES`, or several. Default: the issuer. */
  readonly audience?: string | readonly string[] | undefined
  /** The array `keys` of `/.well-known/paseto-keys`. With it, nothing is fetched. */
  readonly keys?: readonly PublishedKey[] | undefined
  /** By how many seconds the clocks of issuer and service may differ. Default: 30. */
  readonly clockTolerance?: number | undefined
  /**
   * Whether to refuse the tokens of ended sessions within a second, by the feed of the issuer. Default: no, so a token is
   * accepted until it expires. Call `close` when the service ends.
   */
  readonly revocations?: boolean | RevocationOptions | undefined
  /** Replaces the global `fetch`. */
  readonly fetch?: Fetch | undefined
  /** Receives the reason why the keys could not be fetched, at most every ten seconds. */
  readonly onError?: ((error: unknown) => void) | undefined
}

export type Verifier = {
  readonly issuer: string
  /** The claims of a valid access token. Throws a TokenError for any other text. */
  readonly verify: (token: string) => Promise<Claims>
  /** Stops to read the feed of revocations. */
  readonly close: () => void
}

// The global is looked up at each call, since tests and instrumentation replace it later.
const globalFetch: Fetch = (url, init) => globalThis.fetch(url, init)

const findKeyOf = (
  issuer: string,
  { keys, fetch = globalFetch, onError = () => {} }: VerifierOptions,
): FindKey<VerifyKey> =>
  keys === undefined
    ? openKeyStore({ read: () => fetchKeys(issuer, fetch), onError })
    : openFixedKeys(readPublishedKeys(keys))

const openFeed = (
  { fetch = globalFetch, revocations }: VerifierOptions,
  common: { issuer: string; findKey: FindKey<VerifyKey>; clockTolerance: number },
): FeedStore | null =>
  revocations ? openFeedStore({ ...common, fetch }, revocations === true ? {} : revocations) : null

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

/** The audiences in the spelling of `aud`. */
const audiencesOf = (audience: string | readonly string[]): string[] => {
  const audiences = [audience].flat()
  if (audiences.length === 0 || !audiences.every(isText))
    throw new TypeError('audience must be a text or a list of texts')
  return audiences.map(each => canonicalUrl(each) ?? each)
}

// A policy that is spelt wrong would otherwise count as `allow`.
const checkRevocations = (revocations: unknown): void => {
  if (revocations === undefined || typeof revocations === 'boolean') return
  if (typeof revocations !== 'object' || revocations === null)
    throw new TypeError('revocations must be true, false or an object')
  const { whenStale } = revocations as RevocationOptions
  if (whenStale !== undefined && whenStale !== 'allow' && whenStale !== 'deny')
    throw new TypeError('revocations.whenStale must be allow or deny')
}

const checkTolerance = (seconds: number): number => {
  if (!(seconds >= 0 && seconds <= 300)) throw new RangeError('clockTolerance must be from 0 to 300 seconds')
  return seconds
}

/**
 * Creates a verifier that checks access tokens offline. It fetches the keys of the issuer when it needs them first, and
 * again in the background. Create one for the whole service, since it keeps the keys and the verified tokens.
 */
export const createVerifier = (options: VerifierOptions): Verifier => {
  const isOffline = options.keys !== undefined && !options.revocations
  const issuer = issuerUrl(options.issuer, isOffline)
  const { clockTolerance = 30, audience = issuer } = options
  if (options.keys !== undefined && !Array.isArray(options.keys))
    throw new TypeError('keys must be the array `keys` of /.well-known/paseto-keys')
  checkRevocations(options.revocations)
  const findKey = findKeyOf(issuer, options)
  const tokens = openTokenCheck({
    ...{ issuer, audience: audiencesOf(audience), findKey, checkSignature },
    clockTolerance: checkTolerance(clockTolerance),
  })
  const feed = openFeed(options, { issuer, findKey, clockTolerance })
  const verify = async (token: string): Promise<Claims> => {
    const checked = await tokens.check(token, Date.now())
    if (checked === 'invalid') throw new TokenError('INVALID_TOKEN')
    if (checked.isExpired) throw new TokenError('TOKEN_EXPIRED')
    const undecided = feed?.check(checked.claims)
    if (undecided) await undecided
    return checked.claims
  }
  const recall: Recall = token => {
    const claims = tokens.recall(token, Date.now())
    return claims && (!feed || feed.accepts(claims)) ? claims : null
  }
  return { issuer, verify: withRecall(verify, recall), close: () => feed?.close() }
}
