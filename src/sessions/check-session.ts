import type { User } from '../accounts/entity.ts'
import { isOpen } from '../accounts/rules.ts'
import { findUserOfSession } from '../accounts/store.ts'
import { Problem } from '../base/problems.ts'
import type { Deps } from '../deps.ts'

/**
 * Whether a session of a genuine access token still lives: it is in Redis, as `session` tells, its end was not kept, its
 * user is active, and it began in the user's present epoch. So a revocation is felt at once.
 */
export const checkSession = async (
  deps: Pick<Deps, 'database'>,
  { userId, sessionId }: { userId: string; sessionId: string },
  session: { epoch: number } | null,
): Promise<User | Problem<'SESSION_REVOKED'>> => {
  const user = session && (await findUserOfSession(deps.database, userId, sessionId))
  const lives = user && isOpen(user) && session.epoch === user.session_epoch
  return lives ? user : new Problem('SESSION_REVOKED')
}
