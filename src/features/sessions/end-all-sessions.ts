import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { recordEvent } from '../audit/record-event.ts'
import { Users } from '../users/entity.ts'
import { deleteSessions } from './delete-sessions.ts'

/**
 * Ends every session of a user. Raising the epoch in Postgres ends them, even if Redis is restored with old sessions.
 * Deleting them from Redis is only a cleanup. `actorId` is the administrator who ends them.
 */
export const endAllSessions = async (
  deps: Pick<Deps, 'config' | 'clock' | 'log' | 'database' | 'redis' | 'keys'>,
  { userId, actorId, origin }: { userId: string; actorId?: string | null; origin: Origin },
): Promise<void> => {
  await deps.database.transaction(async manager => {
    await manager.increment(Users, { id: userId }, 'session_epoch', 1)
    await recordEvent(manager, { type: 'sessions.ended', userId, actorId, origin })
  })
  await deleteSessions(deps, userId, 'session')
}
