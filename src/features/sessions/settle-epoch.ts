import { setTimeout as delay } from 'node:timers/promises'
import type { Deps } from '../../deps.ts'
import type { User } from '../users/entity.ts'
import { findUserOfSession } from '../users/store.ts'
import { findSession } from './store.ts'
import type { SessionState } from './types.ts'

const attempts = 5
const pauseMs = 50

/**
 * Returns a user and their session once both have the same epoch, or null if they have not: the session has ended.
 *
 * A change of factors raises the epoch of the user in Postgres and then moves the session that made it in Redis. A parallel
 * request of that session may read one before and the other after, and must not be signed out. So it reads both again.
 */
export const settleEpoch = async (
  deps: Pick<Deps, 'reads' | 'redis' | 'keys' | 'clock'>,
  { userId, sessionId }: { userId: string; sessionId: string },
  read: { user: User; session: SessionState },
): Promise<{ user: User; session: SessionState } | null> => {
  let { user, session } = read
  for (let i = 0; session.epoch !== user.session_epoch; i++) {
    // Only the latest epoch can be on its way to the session. A session of an older one has ended.
    if (i === attempts || Math.abs(session.epoch - user.session_epoch) > 1) return null
    await delay(pauseMs)
    const again = await findSession(deps, userId, sessionId)
    const owner = again && (await findUserOfSession(deps.reads, userId, sessionId))
    if (!owner) return null
    user = owner
    session = again
  }
  return { user, session }
}
