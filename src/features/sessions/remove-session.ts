import type { Deps } from '../../deps.ts'
import { announceOrLog } from '../revocations/announce-or-log.ts'
import { deleteSession, isSessionActive } from './store.ts'

/**
 * Deletes a session and adds its end to the feed of revocations. Returns whether the session was active.
 *
 * The entry comes first, so that no crash in between leaves an ended session out of the feed. A Redis without memory refuses
 * the entry but not the deletion: the worker adds the entry later, from the audit event of the end.
 */
export const removeSession = async (
  deps: Pick<Deps, 'config' | 'clock' | 'log' | 'redis' | 'keys'>,
  userId: string,
  sessionId: string,
): Promise<boolean> => {
  if (await isSessionActive(deps, userId, sessionId))
    await announceOrLog(deps, { sub: userId, sessionIds: [sessionId], before: null })
  return deleteSession(deps, userId, sessionId)
}
