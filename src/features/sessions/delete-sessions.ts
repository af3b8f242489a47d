import type { Deps } from '../../deps.ts'
import { deleteAllSessions } from './store.ts'

/**
 * Takes sessions out of Redis which the epoch of their user, raised and committed, has ended already. So a fault here
 * is no reason to fail.
 */
export const deleteSessions = async (
  deps: Pick<Deps, 'clock' | 'log' | 'redis' | 'keys'>,
  userId: string,
): Promise<void> => {
  await deleteAllSessions(deps, userId).catch(err =>
    deps.log.warn({ err }, 'ended sessions were not dropped'),
  )
}
