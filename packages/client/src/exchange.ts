import { grantOf, type Held } from './grant.ts'
import type { Settings } from './options.ts'
import type { Peers } from './peers.ts'
import { ProblemError } from './problem-error.ts'
import { refreshOnce } from './refresh-once.ts'
import type { State } from './state-type.ts'
import { wait } from './wait.ts'

const maxRetryAfter = 5
// Later, the service would take a token that it has already exchanged for a stolen one.
const retryWithin = 8000
// A lost reply is repaired within the grace period of the service: the same refresh token gets the same successor.
const pauses = [200, 1000]

/** Milliseconds until a refused refresh may be repeated; undefined if it may not, or only much later. */
const retryPause = ({ status, retryAfter }: ProblemError): number | undefined =>
  status === 503 && retryAfter !== undefined && retryAfter <= maxRetryAfter ? retryAfter * 1000 : undefined

/** Exchanges the refresh token of `mine`. `isDone`: another tab did so, or the session has ended. Returns what it got. */
export type Exchange = (mine: Held | null, isDone: () => boolean) => Promise<Held | null>

/** Exchanges refresh tokens, and repeats what failed. */
export const openExchange = (settings: Settings, state: State, peers: Peers): Exchange => {
  const refused = async (mine: Held | null, isDone: () => boolean): Promise<null> => {
    // The user may have just signed in again in another tab.
    if (settings.isCookie) await peers.ask()
    if (isDone()) return null
    await state.reject(mine)
    if (mine && !state.held()) peers.send({ type: 'ended', sessionId: mine.sessionId })
    else peers.send({ type: 'failed' })
    return null
  }

  return async (mine, isDone) => {
    const began = performance.now()
    for (let attempt = 0; ; attempt++) {
      // Another tab may have exchanged the token, so it is read immediately before it is sent.
      const present = await state.sync()
      if (isDone() || (!settings.isCookie && !present?.refreshToken)) return null
      peers.send({ type: 'refreshing' })
      const result = await refreshOnce(settings, present?.refreshToken).catch((error: Error) => error)
      if (!(result instanceof Error)) {
        await state.replace(mine, result)
        const held = state.held()
        peers.send({ type: 'changed', grant: settings.isCookie && held ? grantOf(held) : null })
        return result
      }
      const problem = result instanceof ProblemError ? result : null
      if (problem?.code === 'INVALID_REFRESH_TOKEN') return refused(mine, isDone)
      const pause = problem ? retryPause(problem) : pauses[attempt]
      const isLate = performance.now() - began + (pause ?? 0) > retryWithin
      if (pause === undefined || isLate || attempt >= pauses.length) {
        peers.send({ type: 'failed' })
        throw result
      }
      await wait(pause)
    }
  }
}
