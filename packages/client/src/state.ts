import { type Grant, grantOf, type Held, hold } from './grant.ts'
import type { GrantStorage } from './storage.ts'

/** `signed_in` also when a page finds the session of an earlier one, and in each tab. */
export type SessionEvent = 'signed_in' | 'refreshed' | 'signed_out'

export type State = {
  /** The session of this page. Null: no one is signed in, or the storage was not read yet. */
  held: () => Held | null
  /** Whether it is known if someone is signed in. */
  isKnown: () => boolean
  /** Takes over what the storage holds now, and returns it. */
  sync: () => Promise<Held | null>
  /** Takes over what another tab sent. */
  adopt: (grant: Grant | null) => void
  /** A sign-in in this page, or a new access token of its session. */
  start: (got: Held) => Promise<void>
  /** The result of a refresh that presented `mine`. Dropped if another tab has a newer one. */
  replace: (mine: Held | null, got: Held) => Promise<void>
  /** The service refused the refresh token of `mine`. Takes over another session of the storage, if there is one. */
  reject: (mine: Held | null) => Promise<void>
  /** The session has ended. */
  end: () => Promise<void>
}

/** The session of this page and its copy in the storage. `emit` gets each change. */
export const openState = (
  storage: GrantStorage | null,
  emit: (event: SessionEvent, held: Held | null) => void,
): State => {
  let current: Held | null = null
  let isKnown = false
  let isUnsaved = false
  let version = 0
  // Refresh tokens that this page exchanged or ended. A failed or delayed write may leave one in the storage, and to
  // present it would look like theft.
  const replaced = new Set<string>()

  const retire = (refreshToken: string | undefined): void => {
    if (!storage || refreshToken === undefined) return
    replaced.add(refreshToken)
    for (const oldest of replaced) if (replaced.size > 20) replaced.delete(oldest)
  }

  const put = (next: Held | null): void => {
    const before = current
    current = next
    isKnown = true
    version++
    if (before && next && before.userId === next.userId) {
      if (before.accessToken !== next.accessToken) emit('refreshed', next)
      return
    }
    if (before) emit('signed_out', null)
    // A listener may have signed another user in.
    if (next && current === next) emit('signed_in', next)
  }

  const save = async (held: Held): Promise<void> => {
    if (!storage) return
    isUnsaved = await storage.write(grantOf(held)).then(
      () => false,
      () => true,
    )
  }

  const accept = (stored: Grant | null): void => {
    isKnown = true
    if (stored?.refreshToken !== undefined && replaced.has(stored.refreshToken)) {
      if (current?.sessionId === stored.sessionId) void save(current)
      return
    }
    if (stored?.accessToken === current?.accessToken) return
    put(stored && hold(stored))
  }

  const sync = async (): Promise<Held | null> => {
    if (!storage) return current
    if (isUnsaved && current) await save(current)
    if (isUnsaved && current) return current
    const before = version
    const stored = await storage.read()
    // A sign-in or sign-out of this page during a slow read is newer.
    if (before === version) accept(stored)
    return current
  }

  const keep = async (got: Held): Promise<void> => {
    put(got)
    await save(got)
  }

  const end = async (): Promise<void> => {
    retire(current?.refreshToken)
    put(null)
    isUnsaved = false
    await storage?.clear().catch(() => {})
  }

  return {
    held: () => current,
    isKnown: () => isKnown,
    sync,
    adopt: grant => {
      if (grant?.accessToken !== current?.accessToken) put(grant && hold(grant))
    },
    start: keep,
    replace: async (mine, got) => {
      if (got.refreshToken !== mine?.refreshToken) retire(mine?.refreshToken)
      const isMine = (grant: Grant | null) =>
        grant?.sessionId === mine?.sessionId &&
        [mine?.refreshToken, got.refreshToken].includes(grant?.refreshToken)
      if (!isMine(current)) return
      if (!storage || isUnsaved) return keep(got)
      const stored = await storage.read().catch(() => grantOf(got))
      if (!isMine(current)) return
      return isMine(stored) ? keep(got) : accept(stored)
    },
    reject: async mine => {
      if (current?.sessionId !== mine?.sessionId) return
      const stored = await storage?.read().catch(() => null)
      if (current?.sessionId !== mine?.sessionId) return
      if (stored && stored.sessionId !== mine?.sessionId) accept(stored)
      else await end()
    },
    end,
  }
}
