import type { Deps } from '../../deps.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { openWaiters } from './open-waiters.ts'
import { restoreRevocations } from './restore-revocations.ts'
import { writeCursor } from './schemas.ts'
import { signFeed } from './sign-feed.ts'
import { readFeed, readLastCursor } from './store.ts'
import type { Cursor, FeedPage } from './types.ts'

type Needs = Parameters<typeof restoreRevocations>[0] & Pick<Deps, 'ring'>

type Unavailable = Problem<'SERVICE_UNAVAILABLE'>

/** `isNews`: the answer moves its reader to another position. */
type Answer = { token: string; isNews: boolean } | Unavailable

/** `waits`: whether to wait for news. `clientLeft` aborts when the client has gone. */
type Request = { after: Cursor | null; waits: boolean; clientLeft: () => AbortSignal }

/**
 * Requests with the same position get the same answer for this long, in milliseconds, unless the feed moves on: it is read
 * and signed once.
 */
const sharedForMs = 250

/** How often a feed that Redis has lost is restored before the request fails. */
const restoreAttempts = 3

const readPosition = async (deps: Needs): Promise<string | null> => {
  const last = await readLastCursor(deps)
  return last && writeCursor(last)
}

/** Returns a function that answers the requests of one process for the feed: a token, or a problem. */
export const openFeed = (isClosing: () => boolean) => {
  const waitForNews = openWaiters(isClosing)
  let answers = new Map<string, Promise<Answer>>()
  let sharedSince = 0
  let restoring: Promise<boolean> | null = null

  const restore = (deps: Needs): Promise<boolean> => {
    restoring ??= restoreRevocations(deps).finally(() => {
      restoring = null
    })
    return restoring
  }
  const readComplete = async (deps: Needs, after: Cursor | null): Promise<FeedPage | null> => {
    for (let attempt = 0; attempt < restoreAttempts; attempt++) {
      const page = await readFeed(deps, after)
      if (page) return page
      await restore(deps)
    }
    return readFeed(deps, after)
  }
  const newAnswer = async (deps: Needs, after: Cursor | null): Promise<Answer> => {
    const page = await readComplete(deps, after)
    if (!page) return new Problem('SERVICE_UNAVAILABLE', { retryAfter: 1 })
    const isNews = page.after === null || writeCursor(page.cursor) !== writeCursor(page.after)
    return { token: signFeed(deps, page), isNews }
  }
  /** `seen` is the newest position, if it is known. */
  const answer = async (deps: Needs, after: Cursor | null, seen?: string | null): Promise<Answer> => {
    const newest = seen === undefined ? await readPosition(deps) : seen
    if (performance.now() - sharedSince > sharedForMs) {
      sharedSince = performance.now()
      answers = new Map()
    }
    const question = `${after ? writeCursor(after) : ''} ${newest}`
    const shared = answers.get(question) ?? newAnswer(deps, after)
    answers.set(question, shared)
    return shared
  }

  return async (deps: Needs, { after, waits, clientLeft }: Request): Promise<string | Unavailable> => {
    const first = await answer(deps, after)
    if (first instanceof Problem) return first
    if (!waits || after === null || first.isNews || isClosing()) return first.token
    const left = clientLeft()
    const seen = await waitForNews(deps, after, left)
    if (left.aborted) return first.token
    const second = await answer(deps, after, seen)
    return second instanceof Problem ? second : second.token
  }
}
