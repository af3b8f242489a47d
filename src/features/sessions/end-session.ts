import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { recordEvent } from '../audit/record-event.ts'
import { removeSession } from './remove-session.ts'

/**
 * Ends one session. Returns whether it existed: ending a session that does not exist is no error (RFC 7009, section 2.2).
 * The session ends even if Postgres cannot store the audit event.
 */
export const endSession = async (
  deps: Pick<Deps, 'config' | 'clock' | 'log' | 'database' | 'redis' | 'keys'>,
  { userId, sessionId, origin }: { userId: string; sessionId: string; origin: Origin },
): Promise<boolean> => {
  const ended = await removeSession(deps, userId, sessionId)
  if (ended)
    await recordEvent(deps.database.manager, { type: 'session.ended', userId, sessionId, origin }).catch(
      err => deps.log.warn({ err }, 'a session ended, but its audit event was not stored'),
    )
  return ended
}
