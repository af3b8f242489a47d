import type { Deps } from '../../deps.ts'
import { deleteDevices } from '../devices/store.ts'
import { deleteAttempts } from '../lockout/store.ts'
import { deleteUserTokens } from '../one-time-tokens/store.ts'

const slice = 5000

type Needs = Pick<Deps, 'database' | 'redis' | 'keys'>

/**
 * Erases one account that is due, with everything that names it: its mails, also those that were asked for by address
 * alone, and address and device in audit events. Returns whether it was there, and due.
 */
export const eraseAccount = async (deps: Needs, id: string): Promise<boolean> => {
  await forgetEvents(deps, id)
  const erased = await deleteRow(deps, id)
  if (!erased) return false
  // A user id comes once, so what a fault leaves here is found by nobody and runs out.
  await Promise.all([deleteDevices(deps, id), deleteUserTokens(deps, id), deleteAttempts(deps, erased)])
  return true
}

// Also what went to addresses that they had before, unless somebody else has one of them now. A mail about another
// account is that one's, whatever address it went to: its way back, perhaps.
const strayEmails = `user_id IS NULL
  AND recipient = ANY(ARRAY(SELECT email FROM users WHERE id = $1
                            UNION SELECT recipient FROM emails WHERE user_id = $1))
  AND NOT EXISTS (SELECT 1 FROM users WHERE email = recipient AND id <> $1)`

// A request for an email by address alone is linked to a user through the row of that email, and through nothing else.
const requests = `user_id IS NULL AND data ? 'email_id' AND (ip IS NOT NULL OR user_agent IS NOT NULL)
  AND data->>'email_id' IN (SELECT id::text FROM emails WHERE ${strayEmails})`

// Strangers who try to sign in cause events, so there may be many: a slice at a time stays below the limit of a
// statement, and of what the row's end would have to change at once.
const forgetEvents = async ({ database }: Needs, id: string): Promise<void> => {
  const named = ['user_id = $1', 'actor_id = $1 AND (ip IS NOT NULL OR user_agent IS NOT NULL)', requests]
  for (const those of named)
    for (;;) {
      const [, changed] = (await database.query(
        `UPDATE audit_events SET ip = NULL, user_agent = NULL, user_id = nullif(user_id, $1),
                data = CASE WHEN user_id = $1 THEN NULL ELSE data END
          WHERE id IN (SELECT id FROM audit_events WHERE ${those} LIMIT ${slice})`,
        [id],
      )) as [unknown, number]
      if (changed < slice) break
    }
}

const deleteRow = ({ database }: Needs, id: string): Promise<{ id: string; email: string } | null> =>
  database.transaction(async manager => {
    // The deletion may have been taken back meanwhile, and another worker may be at it: then this one waits and finds nothing.
    const [due]: { id: string; email: string }[] = await manager.query(
      `SELECT id, email FROM users WHERE id = $1 AND erase_after <= now() FOR UPDATE`,
      [id],
    )
    if (!due) return null
    await manager.query(`DELETE FROM emails WHERE ${strayEmails}`, [id])
    await manager.query(`DELETE FROM users WHERE id = $1`, [id])
    return due
  })
