import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { wrongPasswords } from '../../platform/catalog/limits.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import type { Statement } from '../../platform/postgres/prepared-read.ts'
import { runPrepared } from '../../platform/postgres/run-prepared.ts'
import { recordEvent } from '../audit/record-event.ts'
import { eventValues, insertEvent } from '../audit/store.ts'

// As statements of a transaction, these took five round trips. `found` locks the user before anything is written: the lock of
// `recordEvent` would skip a row that the same statement has updated.
const recordAndCount: Statement = {
  name: 'record-failed-login',
  text: `WITH found AS MATERIALIZED (
      SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE
    ), counted AS (
      UPDATE users SET failed_logins = failed_logins + 1 WHERE id = (SELECT id FROM found) RETURNING id, failed_logins
    ), failed AS (${insertEvent(3, '(SELECT id FROM found)', '')}
    ), closed AS (${insertEvent(11, 'id', 'FROM counted WHERE failed_logins = $2')})
    SELECT failed_logins = $2 AS is_last FROM counted`,
}

/**
 * Records a login with a wrong password. With `counts` (an unknown device) it also counts in Postgres, so that a loss of
 * Redis does not reset the count: the hundredth locks the password. For an address without an account, the same statement
 * finds no row.
 */
export const recordFailedLogin = async (
  { database, metrics }: Pick<Deps, 'database' | 'metrics'>,
  { userId, counts, origin }: { userId: string | null; counts: boolean; origin: Origin },
): Promise<void> => {
  if (!counts) await recordEvent(database.manager, { type: 'login.failed', userId, origin })
  const isLocked = counts && (await recordAndCountLogin(database, userId, origin))
  metrics.count(counters.logins_failed)
  if (isLocked) metrics.count(counters.passwords_closed)
}

const recordAndCountLogin = async (
  database: Deps['database'],
  userId: string | null,
  origin: Origin,
): Promise<boolean> => {
  const [counted] = await runPrepared<{ is_last: boolean }>(database, recordAndCount, [
    userId,
    wrongPasswords.atMost,
    ...eventValues({ type: 'login.failed', origin }),
    ...eventValues({ type: 'password.closed', origin }),
  ])
  return counted?.is_last ?? false
}
