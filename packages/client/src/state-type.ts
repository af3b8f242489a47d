import type { Grant, Held } from './grant.ts'

/** `signed_in` also when a page finds the session of an earlier one, and in each tab. */
export type SessionEvent = 'signed_in' | 'refreshed' | 'signed_out'

export type State = {
  /** The session of this page. Null: no one is signed in, or the storage was not read yet. */
  held: () => Held | null
  isKnown: () => boolean
  /** Takes over what the storage holds now, and returns it. */
  sync: () => Promise<Held | null>
  adopt: (grant: Grant | null) => void
  /** A sign-in in this page, or a new access token of its session. */
  start: (got: Held) => Promise<void>
  /** The result of a refresh that presented `mine`. Dropped if another tab has a newer one. */
  replace: (mine: Held | null, got: Held) => Promise<void>
  /** The service refused the refresh token of `mine`. Takes over another session of the storage, if there is one. */
  reject: (mine: Held | null) => Promise<void>
  /** This session ended in another tab. The storage may show it a little longer here, and is not changed. */
  leave: (sessionId: string) => Promise<void>
  end: () => Promise<void>
}
