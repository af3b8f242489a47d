import { type Grant, grantOf, type Held, hold } from './grant.ts'
import { replacedTokens } from './replaced-tokens.ts'
import type { SessionEvent, State } from './state-type.ts'
import type { GrantStorage } from './storage.ts'

/** The session of this page and its copy in the storage. `emit` gets each change. */
export const openState = (
  storage: GrantStorage | null,
  emit: (event: SessionEvent, held: Held | null) => void,
): State => {
  let current: Held | null = null
  let isKnown = false
  let isUnsaved = false
  let version = 0
  const replaced = replacedTokens()
  // A slow storage is asked one thing at a time: a read during a write would get the tokens from before.
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const result = turn.then(act)
    turn = result.catch(() => {})
    return result
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

  const save = (): Promise<void> =>
    inTurn(async () => {
      if (!storage || !current) return
      isUnsaved = await storage.write(grantOf(current)).then(
        () => false,
        () => true,
      )
    })

  const accept = (stored: Grant | null): void => {
    isKnown = true
    if (stored && replaced.has(stored)) {
      if (current?.sessionId === stored.sessionId) void save()
      return
    }
    // Tokens of the same second can be equal although the refresh token was exchanged.
    const isSame =
      stored?.accessToken === current?.accessToken && stored?.refreshToken === current?.refreshToken
    if (!isSame) put(stored && hold(stored))
  }

  const sync = async (): Promise<Held | null> => {
    if (!storage) return current
    if (isUnsaved && current) await save()
    if (isUnsaved && current) return current
    const before = version
    const stored = await inTurn(storage.read)
    // A sign-in or sign-out of this page during a slow read is newer.
    if (before === version) accept(stored)
    return current
  }

  const keep = async (got: Held): Promise<void> => {
    put(got)
    await save()
  }

  const forget = (): void => {
    replaced.add(current)
    put(null)
    isUnsaved = false
  }

  const end = async (): Promise<void> => {
    forget()
    if (storage) await inTurn(storage.clear).catch(() => {})
  }

  // The user may have signed in again in another tab: then the storage has another session.
  type SignOut = () => void | Promise<void>
  const giveUp = async (sessionId: string | undefined, signOut: SignOut): Promise<void> => {
    if (current?.sessionId !== sessionId) return
    const stored = storage && (await inTurn(storage.read).catch(() => null))
    if (current?.sessionId !== sessionId) return
    if (stored && stored.sessionId !== sessionId) accept(stored)
    else await signOut()
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
      if (got.refreshToken !== mine?.refreshToken) replaced.add(mine)
      const isMine = (grant: Grant | null) =>
        grant?.sessionId === mine?.sessionId &&
        [mine?.refreshToken, got.refreshToken].includes(grant?.refreshToken)
      if (!isMine(current)) return
      if (!storage || isUnsaved) return keep(got)
      const stored = await inTurn(storage.read).catch(() => grantOf(got))
      if (!isMine(current)) return
      return isMine(stored) ? keep(got) : accept(stored)
    },
    reject: mine => giveUp(mine?.sessionId, end),
    leave: sessionId => giveUp(sessionId, forget),
    end,
  }
}
