import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { wrongPasswords } from '../../platform/catalog/limits.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import { recordEvent } from '../audit/record-event.ts'

/**
 * Keeps a login by a wrong password. One of a stranger counts with its user, whatever Redis forgets: the hundredth
 * closes the password. For an address that nobody has, the same statements find nothing.
 */
export const recordFailedLogin = async (
  { database, metrics }: Pick<Deps, 'database' | 'metrics'>,
  { userId, counts, origin }: { userId: string | null; counts: boolean; origin: Origin },
): Promise<void> => {
  const closed = await database.transaction(async manager => {
    await recordEvent(manager, { type: 'login.failed', userId, origin })
    if (!counts) return false
    const [counted] = (await manager.query(
      `UPDATE users SET failed_logins = failed_logins + 1 WHERE id = $1 RETURNING failed_logins`,
      [userId],
    )) as [{ failed_logins: number }[], number]
    const isLast = counted[0]?.failed_logins === wrongPasswords.atMost
    return isLast && recordEvent(manager, { type: 'password.closed', userId, origin })
  })
  metrics.count(counters.logins_failed)
  if (closed) metrics.count(counters.passwords_closed)
}
