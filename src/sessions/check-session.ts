import type { User } from '../accounts/entity.ts'
import { isOpen } from '../accounts/rules.ts'
import { findUserOfSession } from '../accounts/store.ts'
import { Problem } from '../base/problems.ts'
import type { Deps } from '../deps.ts'
import { findSession } from './store.ts'

/**
 * Asks the stores whether a session of a genuine access token still lives: it is in Redis, its end was not kept, its
 * user is active, and it began in the user's present epoch. So a revocation is felt at once.
 */
export const checkSession = async (
  deps: Pick<Deps, 'clock' | 'database' | 'redis' | 'keys'>,
  { userId, sessionId }: { userId: string; sessionId: string },
): Promise<User | Problem<'SESSION_REVOKED'>> => {
  const [session, user] = await Promise.all([
    findSession(deps, userId, sessionId),
    findUserOfSession(deps.database, userId, sessionId),
  ])
  const lives = session && user && isOpen(user) && session.epoch === user.session_epoch
  return lives ? user : new Problem('SESSION_REVOKED')
}
