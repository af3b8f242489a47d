import { ageOf, grantOf, type Held, marginOf, remainingOf } from './grant.ts'
import type { Settings } from './options.ts'
import type { Peers } from './peers.ts'
import { ProblemError } from './problem-error.ts'
import { refreshOnce, refreshTimeout } from './refresh-once.ts'
import type { State } from './state.ts'
import { wait } from './wait.ts'

export type Refresher = {
  /** The session for a request: its access token is valid for a while. Null: no one is signed in. */
  current: () => Promise<Held | null>
  /**
   * A newer access token of the same user than that of `mine`; null if there is none. `isExpired`: the service said that
   * the token has expired, so it is old whatever the clocks of this device say.
   */
  renew: (mine: Held, isExpired?: boolean) => Promise<Held | null>
  /** Resolves when no refresh of this page is under way. */
  idle: () => Promise<void>
  isRunning: () => boolean
}

const maxRetryAfter = 10
// A lost reply is repaired within the grace period of the service: the same refresh token gets the same successor.
const pauses = [200, 1000]

/** Keeps the access token fresh: one refresh for all who wait, and as few as possible in all tabs. */
export const openRefresher = (settings: Settings, state: State, peers: Peers): Refresher => {
  let running: Promise<void> | null = null
  let restoring: Promise<unknown> | null = null

  const exchange = async (mine: Held | null, isDone: () => boolean): Promise<void> => {
    for (let attempt = 0; ; attempt++) {
      peers.send({ type: 'refreshing' })
      // Another tab may have exchanged the token, so it is read immediately before it is sent.
      const present = await state.sync()
      if (isDone() || (!settings.isCookie && !present?.refreshToken)) return
      const result = await refreshOnce(settings, present?.refreshToken).catch((error: Error) => error)
      if (!(result instanceof Error)) {
        await state.replace(mine, result)
        const held = state.held()
        peers.send({ type: 'changed', grant: settings.isCookie && held ? grantOf(held) : null })
        return
      }
      const problem = result instanceof ProblemError ? result : null
      if (problem?.code === 'INVALID_REFRESH_TOKEN') return refused(mine, isDone)
      const pause = problem ? retryPause(problem) : pauses[attempt]
      if (pause === undefined || attempt >= pauses.length) {
        peers.send({ type: 'failed' })
        throw result
      }
      await wait(pause)
    }
  }

  const refused = async (mine: Held | null, isDone: () => boolean): Promise<void> => {
    // The user may have just signed in again in another tab.
    if (settings.isCookie) await peers.ask()
    if (isDone()) return
    await state.reject(mine)
    if (mine && !state.held()) peers.send({ type: 'ended', sessionId: mine.sessionId })
    else peers.send({ type: 'failed' })
  }

  const run = async (mine: Held | null, isExpired: boolean): Promise<void> => {
    const isDone = () => state.held()?.accessToken !== mine?.accessToken
    const look = async (): Promise<boolean> => {
      if (settings.isCookie) await peers.ask()
      else await state.sync()
      return isDone()
    }
    if (await look()) return
    if (peers.isRefreshing()) {
      await peers.idle()
      if (await look()) return
    }
    const rest = mine && !isExpired ? refreshTimeout - ageOf(mine) : 0
    if (rest > 0) {
      await wait(rest)
      if (await look()) return
    }
    await exchange(mine, isDone)
  }

  const restore = async (): Promise<void> => {
    if (state.isKnown()) return
    restoring ??= (settings.isCookie ? run(null, true) : state.sync()).finally(() => {
      restoring = null
    })
    await restoring
  }

  const renew = async (mine: Held, isExpired = false): Promise<Held | null> => {
    if (state.held()?.accessToken === mine.accessToken) {
      running ??= run(mine, isExpired).finally(() => {
        running = null
      })
      await running
    }
    const next = state.held()
    return next && next.userId === mine.userId && next.accessToken !== mine.accessToken ? next : null
  }

  return {
    current: async () => {
      await restore()
      const mine = state.held()
      if (!mine || remainingOf(mine) > marginOf(mine)) return mine
      try {
        // If the session has ended or another user signed in, the request is refused with the old token: it is not sent
        // in the name of another user or of no one.
        return (await renew(mine, remainingOf(mine) <= 0)) ?? mine
      } catch (error) {
        if (remainingOf(mine) > 0) return mine
        throw error
      }
    },
    renew,
    idle: async () => {
      await running?.catch(() => {})
    },
    isRunning: () => running !== null || restoring !== null,
  }
}

/** Milliseconds until a refused refresh may be repeated; undefined if it may not, or only much later. */
const retryPause = ({ status, retryAfter }: ProblemError): number | undefined =>
  status === 503 && retryAfter !== undefined && retryAfter <= maxRetryAfter ? retryAfter * 1000 : undefined
