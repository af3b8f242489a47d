import { openExchange } from './exchange.ts'
import { ageOf, type Held, isNewer, marginOf, remainingOf } from './grant.ts'
import type { Settings } from './options.ts'
import type { Peers } from './peers.ts'
import { exchangePause } from './refresh-once.ts'
import type { State } from './state-type.ts'
import { wait } from './wait.ts'

export type Refresher = {
  /** The session for a request: its access token is valid for a while. Null: no one is signed in. */
  current: () => Promise<Held | null>
  /**
   * A newer access token of the same user than that of `mine`; null without one. `isExpired`: the service said that the
   * token has expired, so it is old even if the clocks of this device say otherwise.
   */
  renew: (mine: Held, isExpired?: boolean) => Promise<Held | null>
  /** Whether a refresh of this page got this access token. */
  isOwn: (held: Held) => boolean
  /** Resolves when no refresh of this page is under way. */
  idle: () => Promise<void>
  /** Whether a request to refresh is under way. */
  isExchanging: () => boolean
}

/** Keeps the access token fresh: one refresh for all who wait, and as few as possible in all tabs. */
export const openRefresher = (settings: Settings, state: State, peers: Peers): Refresher => {
  const exchange = openExchange(settings, state, peers)
  let own: string | undefined
  let isExchanging = false
  let running: Promise<void> | null = null
  let restoring: Promise<unknown> | null = null

  const run = async (mine: Held | null, isExpired: boolean): Promise<void> => {
    const isDone = () => {
      const held = state.held()
      return mine ? !held || isNewer(held, mine) : held !== null
    }
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
    const rest = mine && !isExpired ? exchangePause - ageOf(mine) : 0
    if (rest > 0) {
      await wait(rest)
      if (await look()) return
    }
    isExchanging = true
    const got = await exchange(mine, isDone).finally(() => {
      isExchanging = false
    })
    own = got?.accessToken
  }

  const restore = async (): Promise<void> => {
    if (state.isKnown()) return
    restoring ??= (settings.isCookie ? run(null, true) : state.sync()).finally(() => {
      restoring = null
    })
    await restoring
  }

  const renew = async (mine: Held, isExpired = false): Promise<Held | null> => {
    const held = state.held()
    if (held && !isNewer(held, mine)) {
      running ??= run(mine, isExpired).finally(() => {
        running = null
      })
      await running
    }
    const next = state.held()
    if (next?.userId !== mine.userId) return null
    // A token of the same second can be equal to the one before.
    const isSame = next.accessToken === mine.accessToken && next.accessToken !== own
    return isSame && !isNewer(next, mine) ? null : next
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
    isOwn: ({ accessToken }) => accessToken === own,
    idle: async () => {
      await running?.catch(() => {})
    },
    isExchanging: () => isExchanging,
  }
}
