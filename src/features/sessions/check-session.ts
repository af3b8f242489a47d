import { Problem } from '../../platform/catalog/problems.ts'
import type { User } from '../users/entity.ts'
import { findUserOfSession } from '../users/store.ts'
import { isActive } from '../users/user-state.ts'
import { settleEpoch } from './settle-epoch.ts'
import type { SessionState } from './types.ts'

/**
 * Checks that the session of a genuine access token is active, so that a revocation has effect at once. The session must be
 * in Redis (`session`), have no audit event of its end, belong to an active user, and have begun in the user's current epoch.
 */
export const checkSession = async (
  deps: Parameters<typeof settleEpoch>[0],
  ids: { userId: string; sessionId: string },
  session: SessionState | null,
): Promise<{ user: User; session: SessionState } | Problem<'SESSION_REVOKED'>> => {
  const user = session && (await findUserOfSession(deps.reads, ids.userId, ids.sessionId))
  const settled = user && (await settleEpoch(deps, ids, { user, session }))
  return settled && isActive(settled.user) ? settled : new Problem('SESSION_REVOKED')
}
