import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { recordEvent } from '../audit/record-event.ts'
import type { User } from '../users/types.ts'
import { ownSession } from './attempt-counter.ts'
import { comparePassword } from './compare-password.ts'
import { resetCounter } from './store.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'database' | 'redis' | 'keys' | 'hasher'>

/**
 * Compares the password that a signed-in user enters again. Each session has a counter of its own. A stolen session
 * cannot bypass the limit, and guesses from elsewhere cannot keep the owner from changing the password.
 */
export const verifyCurrentPassword = async (
  deps: Needs,
  { user, sessionId, password, origin }: { user: User; sessionId: string; password: string; origin: Origin },
): Promise<null | Problem<'INVALID_CURRENT_PASSWORD' | 'RATE_LIMIT_EXCEEDED'>> => {
  const counter = ownSession(user.id, sessionId)
  const compared = await comparePassword(deps, { password, hash: user.password_hash, counter })
  if (compared instanceof Problem) return compared
  if (!compared.matches) {
    await recordEvent(deps.database.manager, { type: 'password.refused', userId: user.id, sessionId, origin })
    return new Problem('INVALID_CURRENT_PASSWORD')
  }
  await resetCounter(deps, counter)
  return null
}
