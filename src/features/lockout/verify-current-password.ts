import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { recordEvent } from '../audit/record-event.ts'
import type { User } from '../users/types.ts'
import { comparePassword } from './compare-password.ts'
import { ownSession } from './rules.ts'
import { clearAttempts } from './store.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'database' | 'redis' | 'keys' | 'hasher'>

/**
 * Asks somebody signed in for their password once more. A session has a budget of its own: one that was stolen is no
 * way round the limit, and guesses from elsewhere keep no owner from changing a password.
 */
export const verifyCurrentPassword = async (
  deps: Needs,
  { user, sessionId, password, origin }: { user: User; sessionId: string; password: string; origin: Origin },
): Promise<null | Problem<'INVALID_CURRENT_PASSWORD' | 'RATE_LIMIT_EXCEEDED'>> => {
  const budget = ownSession(user.id, sessionId)
  const compared = await comparePassword(deps, { password, hash: user.password_hash, budget })
  if (compared instanceof Problem) return compared
  if (!compared.matches) {
    await recordEvent(deps.database.manager, { type: 'password.refused', userId: user.id, sessionId, origin })
    return new Problem('INVALID_CURRENT_PASSWORD')
  }
  await clearAttempts(deps, budget)
  return null
}
