import { Users } from '../accounts/entity.ts'
import type { Deps } from '../deps.ts'
import { dropAllSessions } from './store.ts'

/**
 * Ends every session of a user. The epoch in Postgres decides and outlasts a Redis that comes back with
 * old sessions; dropping them there only tidies up.
 */
export const endAllSessions = async (
  deps: Pick<Deps, 'clock' | 'log' | 'database' | 'redis' | 'keys'>,
  userId: string,
): Promise<void> => {
  await deps.database.getRepository(Users).increment({ id: userId }, 'session_epoch', 1)
  await dropAllSessions(deps, userId).catch(err => deps.log.warn({ err }, 'ended sessions were not dropped'))
}
