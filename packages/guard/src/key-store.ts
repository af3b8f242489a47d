import { notify } from './background.ts'
import type { FetchedKeys } from './fetch-keys.ts'
import { importKeys, type Keys, type PublishedKey, type VerifyKey } from './published-keys.ts'
import type { FindKey } from './read-signed.ts'
import { TokenError } from './token-error.ts'

/** Finds keys in a list that never changes. */
export const openFixedKeys = (published: readonly PublishedKey[]): FindKey<VerifyKey> => {
  let reading: Promise<Keys> | undefined
  let keys: Keys | undefined
  const findLater = async (kid: string): Promise<VerifyKey | null> => {
    reading ??= importKeys(published, new Map())
    keys = await reading
    return keys.get(kid) ?? null
  }
  return kid => (keys ? (keys.get(kid) ?? null) : findLater(kid))
}

/**
 * The shortest time between two fetches for unknown key ids, and after a failure. Otherwise an attacker with invented key
 * ids could cause a fetch for each request.
 */
const pauseMs = 10_000
/** A fetch that has not ended by then never will: some edge runtimes stop it with the request that began it. */
const lostMs = 15_000

/** A time that begins at `from` and takes `for` milliseconds. */
type Span = { readonly from: number; readonly for: number }

// A clock that is set back ends a span instead of prolonging it.
const isDuring = (span: Span): boolean => {
  const passed = Date.now() - span.from
  return passed >= 0 && passed < span.for
}

type Options = {
  /** Fetches the keys. */
  readonly read: () => Promise<FetchedKeys>
  /** Receives the error of each fetch that failed. */
  readonly onError: (error: unknown) => void
}

/**
 * Keeps the keys of an issuer. A request with a known key never waits for the issuer: keys are fetched again in the
 * background, and the last ones stay in use while the issuer is down. The returned function throws a TokenError if it
 * cannot know whether such a key exists.
 */
export const openKeyStore = ({ read, onError }: Options): FindKey<VerifyKey> => {
  let known: Keys = new Map()
  let fresh: Span = { from: Number.NEGATIVE_INFINITY, for: 0 }
  let pause: Span = fresh
  let failure: { cause: unknown } | null = null
  let reading: { ended: Promise<void>; since: number } | null = null

  const readKeys = async (): Promise<void> => {
    try {
      const { keys, freshMs } = await read()
      known = await importKeys(keys, known)
      fresh = { from: Date.now(), for: freshMs }
      failure = null
    } catch (cause) {
      failure = { cause }
      pause = { from: Date.now(), for: pauseMs }
      notify(onError, cause)
    }
  }
  /** One fetch at a time: all callers wait for the same one. */
  const refresh = (): Promise<void> => {
    const now = Date.now()
    if (reading && now - reading.since < lostMs) return reading.ended
    const current = { since: now, ended: Promise.resolve() }
    reading = current
    current.ended = readKeys().finally(() => {
      if (reading === current) reading = null
    })
    return current.ended
  }
  const findUnknown = async (kid: string): Promise<VerifyKey | null> => {
    if (reading || !isDuring(pause)) await refresh()
    const key = known.get(kid)
    if (key) return key
    if (failure) {
      const retryAfter = Math.max(1, Math.ceil((pause.from + pause.for - Date.now()) / 1000))
      throw new TokenError('KEYS_UNAVAILABLE', { cause: failure.cause, retryAfter })
    }
    if (!isDuring(pause)) pause = { from: Date.now(), for: pauseMs }
    return null
  }

  return kid => {
    const key = known.get(kid)
    if (!key) return findUnknown(kid)
    if (!isDuring(fresh) && !isDuring(pause)) void refresh()
    return key
  }
}
