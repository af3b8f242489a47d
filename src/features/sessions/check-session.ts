import type { Deps } from '../../deps.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { User } from '../users/entity.ts'
import { findUserOfSession } from '../users/store.ts'
import { isActive } from '../users/user-state.ts'

/**
 * Whether a session of a genuine access token still lives: it is in Redis, as `session` tells, its end was not kept, its
 * user is active, and it began in the user's present epoch. So a revocation is felt at once.
 */
export const checkSession = async (
  deps: Pick<Deps, 'reads'>,
  { userId, sessionId }: { userId: string; sessionId: string },
  session: { epoch: number } | null,
): Promise<User | Problem<'SESSION_REVOKED'>> => {
  const user = session && (await findUserOfSession(deps.reads, userId, sessionId))
  const lives = user && isActive(user) && session.epoch === user.session_epoch
  return lives ? user : new Problem('SESSION_REVOKED')
}
