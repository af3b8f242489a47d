import type { Claims } from './claims.ts'
import type { FeedPage } from './read-feed.ts'

/** No token lives longer than this, in milliseconds, so an older entry refuses nothing: an hour, and the clocks differ. */
const keepMs = 4_000_000

/** What ended, as far as the guard has read. */
export type Ended = {
  add: (page: FeedPage, now: number) => void
  /** Whether the session of the token, or every token of its subject that is as old, has ended. */
  has: (claims: Claims) => boolean
}

type Entry = { readonly before: number; readonly addedAt: number }

/**
 * Opens a memory of what ended. It only grows, so an old list that an attacker repeats hides nothing. It forgets entries
 * after the longest life of a token, and the oldest ones above `maxEntries` of each kind.
 */
export const openEnded = (maxEntries = 250_000): Ended => {
  const sessions = new Map<string, Entry>()
  const users = new Map<string, Entry>()

  // A changed entry moves to the end, so the oldest are at the beginning.
  const put = (entries: Map<string, Entry>, id: string, entry: Entry): void => {
    entries.delete(id)
    entries.set(id, entry)
    for (const [oldest, { addedAt }] of entries) {
      if (entries.size <= maxEntries && addedAt > entry.addedAt - keepMs) break
      entries.delete(oldest)
    }
  }
  return {
    add: (page, now) => {
      for (const id of page.sessions) put(sessions, id, { before: 0, addedAt: now })
      for (const { sub, before } of page.users) {
        const known = users.get(sub)?.before ?? 0
        put(users, sub, { before: Math.max(known, before), addedAt: now })
      }
    },
    has: ({ sid, sub, iat }) => {
      if (sid !== undefined && sessions.has(sid)) return true
      const user = users.get(sub)
      return user !== undefined && Date.parse(iat) <= user.before
    },
  }
}
