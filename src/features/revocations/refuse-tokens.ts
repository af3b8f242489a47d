import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { announceOrLog } from './announce-or-log.ts'

/**
 * Makes the feed refuse every token that a subject has until now. Call it after the transaction that ended them has
 * committed.
 */
export const refuseTokens = async (
  deps: Pick<Deps, 'config' | 'clock' | 'log' | 'redis' | 'keys'>,
  sub: string,
): Promise<void> => {
  const before = Math.floor(now(deps.clock) / 1000) * 1000
  await announceOrLog(deps, { sub, sessionIds: [], before })
}
