/** What ended for one subject: a user, or a machine client, whose tokens have its id as `sub`. */
export type Ending = {
  sub: string
  /** The sessions that ended, listed by their ids. */
  sessionIds: readonly string[]
  /** Refuse each token of the subject that was issued at this time or before, in milliseconds. Null: only the sessions. */
  before: number | null
  /** Milliseconds; by default now. */
  endedAt?: number
}

/** A position in the feed: the id of its last entry, and a random value that tells it from an entry with the same id. */
export type Cursor = { id: string; nonce: string }

/** The entries after a position, or all of them if the position is unknown. */
export type FeedPage = {
  /** The position that the page continues, or null for a list from the beginning. */
  after: Cursor | null
  cursor: Cursor
  /** Whether further entries follow now. */
  hasMore: boolean
  sessions: string[]
  /** Milliseconds since 1970 by subject. */
  users: Map<string, number>
}

/** A process that ends all sessions of a user gets this long, in milliseconds, to fill the feed itself. */
export const settleAfterMs = 2000

/** A row of Postgres about the end of one session, or of all sessions of an epoch of a user (`session_id` is null). */
export type Revocation = {
  id: string
  /** The user, or the machine client. */
  sub: string
  session_id: string | null
  /** The epoch that the user entered. Null for an erased user and a client. */
  epoch: number | null
  at: Date
  /** Whether rows of their own list the sessions of this epoch, so that the feed needs not refuse all tokens of the user. */
  is_listed: boolean
  /** Whether the worker has checked that nothing of this epoch is left. */
  is_settled: boolean
}
