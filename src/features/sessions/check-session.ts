import type { Deps } from '../../deps.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { User } from '../users/entity.ts'
import { findUserOfSession } from '../users/store.ts'
import { isActive } from '../users/user-state.ts'

/**
 * Checks that the session of a genuine access token is active, so that a revocation has effect at once. The session must be
 * in Redis (`session`), have no audit event of its end, belong to an active user, and have begun in the user's current epoch.
 */
export const checkSession = async (
  deps: Pick<Deps, 'reads'>,
  { userId, sessionId }: { userId: string; sessionId: string },
  session: { epoch: number } | null,
): Promise<User | Problem<'SESSION_REVOKED'>> => {
  const user = session && (await findUserOfSession(deps.reads, userId, sessionId))
  const isLive = user && isActive(user) && session.epoch === user.session_epoch
  return isLive ? user : new Problem('SESSION_REVOKED')
}
