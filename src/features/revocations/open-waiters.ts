import { setTimeout as sleep } from 'node:timers/promises'
import { writeCursor } from './schemas.ts'
import { readLastCursor } from './store.ts'
import type { Cursor } from './types.ts'

/** How long a request waits for news, in milliseconds. Shorter than any usual timeout of a proxy. */
const longestWaitMs = 25_000

/** How often one process looks for news, in milliseconds, for all its waiting requests together. */
const lookMs = 250

/** The most requests that wait in one process. */
const maxWaiting = 5000

type Needs = Parameters<typeof readLastCursor>[0]

/** The newest position that was seen, or undefined if it was not looked up. */
type Seen = string | null | undefined

type Waiting = { position: string; resolve: (seen: Seen) => void; reject: (error: unknown) => void }

/**
 * Waits until the feed has moved past a position; or at most 25 s, or not at all if too many requests wait already. Resolves
 * with the newest position.
 */
export type WaitForNews = (deps: Needs, after: Cursor, left: AbortSignal) => Promise<Seen>

/**
 * Lets any number of requests wait for news of the feed. They hold no connection of a store: one loop looks for news for
 * all of them, and runs only while one waits. All are answered when the process closes, and fail when Redis does not answer.
 */
export const openWaiters = (isClosing: () => boolean): WaitForNews => {
  const waiting = new Set<Waiting>()
  let isWatching = false

  const look = async (deps: Needs): Promise<void> => {
    try {
      const last = await readLastCursor(deps)
      const position = last && writeCursor(last)
      for (const each of waiting) if (isClosing() || each.position !== position) each.resolve(position)
    } catch (error) {
      for (const each of waiting) each.reject(error)
    }
  }
  const watch = async (deps: Needs): Promise<void> => {
    if (isWatching) return
    isWatching = true
    while (waiting.size > 0) {
      await sleep(lookMs)
      await look(deps)
    }
    isWatching = false
  }

  return async (deps, after, left) => {
    if (left.aborted || waiting.size >= maxWaiting) return undefined
    const { promise, resolve, reject } = Promise.withResolvers<Seen>()
    const self = { position: writeCursor(after), resolve, reject }
    waiting.add(self)
    const timer = setTimeout(() => resolve(undefined), longestWaitMs)
    left.addEventListener('abort', () => resolve(undefined), { once: true })
    void watch(deps)
    return promise.finally(() => {
      clearTimeout(timer)
      waiting.delete(self)
    })
  }
}
