import { recordEvent } from '../audit/record-event.ts'
import { wrongPasswords } from '../base/limits.ts'
import type { Deps } from '../deps.ts'
import type { Origin } from '../sessions/start-session.ts'

/**
 * Keeps a login by a wrong password. One of a stranger counts with its user, whatever Redis forgets: the hundredth
 * closes the password. For an address that nobody has, the same statements find nothing.
 */
export const recordFailedLogin = async (
  { database, metrics }: Pick<Deps, 'database' | 'metrics'>,
  { userId, byStranger, origin }: { userId: string | null; byStranger: boolean; origin: Origin },
): Promise<void> => {
  const closed = await database.transaction(async manager => {
    await recordEvent(manager, { type: 'login.failed', userId, origin })
    const [counted] = (await manager.query(
      `UPDATE users SET failed_logins = failed_logins + $2 WHERE id = $1 RETURNING failed_logins`,
      [userId, byStranger ? 1 : 0],
    )) as [{ failed_logins: number }[], number]
    const isLast = byStranger && counted[0]?.failed_logins === wrongPasswords.atMost
    return isLast && recordEvent(manager, { type: 'password.closed', userId, origin })
  })
  metrics.count('logins_failed')
  if (closed) metrics.count('passwords_closed')
}
