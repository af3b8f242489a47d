import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { recordEvent } from '../audit/record-event.ts'
import { deleteSession } from './store.ts'

/**
 * Ends one session, and tells whether there was one. A session that is not there is as good as ended (RFC 7009,
 * section 2.2). Whoever logs out is logged out, also where Postgres cannot keep the event.
 */
export const endSession = async (
  deps: Pick<Deps, 'clock' | 'log' | 'database' | 'redis' | 'keys'>,
  { userId, sessionId, origin }: { userId: string; sessionId: string; origin: Origin },
): Promise<boolean> => {
  const ended = await deleteSession(deps, userId, sessionId)
  if (ended)
    await recordEvent(deps.database.manager, { type: 'session.ended', userId, sessionId, origin }).catch(
      err => deps.log.warn({ err }, 'the end of a session was not kept'),
    )
  return ended
}
