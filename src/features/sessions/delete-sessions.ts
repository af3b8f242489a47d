import type { Deps } from '../../deps.ts'
import { deleteAllSessions } from './store.ts'

/**
 * Deletes the sessions of a user from Redis. Call it after the transaction that raised the user's epoch has committed. That
 * epoch has ended the sessions already, so a failure here is only logged.
 */
export const deleteSessions = async (
  deps: Pick<Deps, 'clock' | 'log' | 'redis' | 'keys'>,
  userId: string,
): Promise<void> => {
  await deleteAllSessions(deps, userId).catch(err =>
    deps.log.warn({ err }, 'ended sessions were not deleted from redis'),
  )
}
