import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { announce } from './store.ts'

/**
 * Makes the feed refuse every token that a subject has until now. Call it after the transaction that ended them has
 * committed. A failure is only logged: Postgres knows the end, and the worker adds it to the feed.
 */
export const refuseTokens = async (
  deps: Pick<Deps, 'config' | 'clock' | 'log' | 'redis' | 'keys'>,
  sub: string,
): Promise<void> => {
  const before = Math.floor(now(deps.clock) / 1000) * 1000
  await announce(deps, { sub, sessionIds: [], before }).catch(err =>
    deps.log.warn({ err }, 'the feed of revocations was not written: the worker tries again'),
  )
}
