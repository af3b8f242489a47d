import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { wrongPasswords } from '../../platform/catalog/limits.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import { recordEvent } from '../audit/record-event.ts'

/**
 * Records a login with a wrong password. With `counts` (an unknown device) it also counts in Postgres, so that a loss of
 * Redis does not reset the count: the hundredth locks the password. For an address without an account, the same statements
 * find no row.
 */
export const recordFailedLogin = async (
  { database, metrics }: Pick<Deps, 'database' | 'metrics'>,
  { userId, counts, origin }: { userId: string | null; counts: boolean; origin: Origin },
): Promise<void> => {
  const isLocked = await database.transaction(async manager => {
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
  if (isLocked) metrics.count(counters.passwords_closed)
}
