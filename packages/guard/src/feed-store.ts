import { notify, pauseAfter, sleep, stoppable } from './background.ts'
import type { Claims } from './claims.ts'
import { openEnded } from './ended.ts'
import { type FeedOptions, readFeed } from './read-feed.ts'
import { TokenError } from './token-error.ts'

export type RevocationOptions = {
  /**
   * What happens to a token if the list of what ended could not be read for a minute. Default: `allow`. With `deny`,
   * guards reply 503.
   */
  readonly whenStale?: 'allow' | 'deny' | undefined
  /** Receives the reason, once each time that the list becomes stale. */
  readonly onStale?: ((error: unknown) => void) | undefined
}

/** What the verifier asks. */
export type FeedStore = {
  /** Throws a TokenError if the session of the token has ended, or if that cannot be known and matters. */
  readonly check: (claims: Claims) => void | Promise<void>
  /** Whether it is known now that `check` would accept. */
  readonly accepts: (claims: Claims) => boolean
  readonly close: () => void
}

const staleAfterMs = 60_000
/** Reading stops without tokens to check for this long, so that a process without work can end. */
const idleAfterMs = 60_000
/** A read that has not ended by then never will: some edge runtimes stop it with the request that began it. */
const lostAfterMs = 60_000

/**
 * Reads in the background what ended, and keeps it. No request waits for the issuer, except for the first list. The lists of
 * all replies are merged and never replaced.
 */
export const openFeedStore = (options: FeedOptions, policy: RevocationOptions): FeedStore => {
  const { whenStale = 'allow', onStale = () => {} } = policy
  const closing = new AbortController()
  const feed = { ...options, fetch: stoppable(options.fetch, closing.signal) }
  const ended = openEnded()
  let readAt = Number.NEGATIVE_INFINITY
  let usedAt = 0
  let cause: unknown
  let isReported = false
  let reading: { readonly first: Promise<void>; isFirstOver: boolean; activeAt: number } | null = null

  // A clock that is set back makes the list stale instead of keeping it for longer.
  const isStale = (): boolean => Math.abs(Date.now() - readAt) > staleAfterMs
  const report = (error: unknown): void => {
    cause = error
    if (!isStale() || isReported || closing.signal.aborted) return
    isReported = true
    notify(onStale, error)
  }
  /** Reads once, and returns where the next read continues. Calls `complete` if nothing is left to read now. */
  const readOnce = async (after: string | null, complete: () => void): Promise<string> => {
    const startedAt = Date.now()
    const page = await readFeed(feed, after)
    ended.add(page, Date.now())
    if (page.hasMore) return page.cursor
    readAt = Date.now()
    isReported = false
    complete()
    // A reply without news that came at once: the issuer lets no further request wait.
    if (page.cursor === after && readAt - startedAt < 1000) await sleep(1000 + Math.random() * 1000)
    return page.cursor
  }
  const run = async (self: { activeAt: number }, settled: () => void): Promise<void> => {
    let [cursor, failures]: [string | null, number] = [null, 0]
    while (reading === self && !closing.signal.aborted && Date.now() - usedAt < idleAfterMs) {
      self.activeAt = Date.now()
      try {
        cursor = await readOnce(cursor, settled)
        failures = 0
      } catch (error) {
        // From the beginning, since that is answered at once: the guard recovers without a wait of 25 s.
        cursor = null
        report(error)
        settled()
        await sleep(pauseAfter(failures++))
      }
    }
    settled()
    if (reading === self) reading = null
  }
  /** Starts to read, unless it reads already. Resolves when the first list is there, or has failed. */
  const start = (): Promise<void> => {
    if (reading && Date.now() - reading.activeAt < lostAfterMs) return reading.first
    let settled = (): void => {}
    const first = new Promise<void>(resolve => {
      settled = resolve
    })
    const self = { first, isFirstOver: false, activeAt: Date.now() }
    reading = self
    void run(self, () => {
      self.isFirstOver = true
      settled()
    })
    return first
  }
  const decide = (claims: Claims): void => {
    if (ended.has(claims)) throw new TokenError('SESSION_REVOKED')
    if (whenStale === 'deny' && isStale()) throw new TokenError('KEYS_UNAVAILABLE', { cause })
  }
  /** Null if the list is current. Otherwise it resolves when the list is read, or cannot be. */
  const use = (): Promise<void> | null => {
    usedAt = Date.now()
    const first = start()
    // After a time without tokens, sessions may have ended that the guard has not read yet.
    return reading?.isFirstOver === true && !isStale() ? null : first
  }

  return {
    check: claims => use()?.then(() => decide(claims)) ?? decide(claims),
    accepts: claims => use() === null && !ended.has(claims),
    close: () => closing.abort(),
  }
}
