import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { findEndedEpoch } from '../revocations/find-ended-epoch.ts'
import { markListed } from '../revocations/mark-listed.ts'
import { announce } from '../revocations/store.ts'
import { deleteSessionsBefore } from './store.ts'

/**
 * Deletes the sessions of a user from Redis and adds their end to the feed of revocations. Call it after the transaction
 * that raised the user's epoch has committed. That epoch has ended the sessions already, so a failure here is only logged,
 * and the worker does the rest.
 *
 * `by`: `user` makes the feed refuse every token that the user has until now. `session` lists the ended sessions alone, so
 * that a session that starts in the same second is not affected.
 */
export const deleteSessions = async (
  deps: Pick<Deps, 'config' | 'clock' | 'log' | 'database' | 'redis' | 'keys'>,
  userId: string,
  by: 'user' | 'session' = 'user',
): Promise<void> => {
  try {
    const ended = await findEndedEpoch(deps, userId)
    if (!ended) return
    const sessionIds = await deleteSessionsBefore(deps, userId, ended.epoch)
    const before = by === 'user' ? Math.floor(now(deps.clock) / 1000) * 1000 : null
    await announce(deps, { sub: userId, sessionIds, before })
    if (by === 'session') await markListed(deps, ended, sessionIds)
  } catch (err) {
    deps.log.warn({ err }, 'ended sessions were not deleted from redis: the worker tries again')
  }
}
