import { deleteDevices } from '../devices/store.ts'
import { deleteCounters, deleteFactorCounters } from '../lockout/store.ts'
import { deleteUserTokens } from '../one-time-tokens/store.ts'
import { deleteSessions } from '../sessions/delete-sessions.ts'

/** Rows of one statement. More could exceed the timeout of a statement. */
const batchSize = 1000

type Needs = Parameters<typeof deleteSessions>[0]

/**
 * Erases an account that is due, with all data that identifies its owner: emails, including those requested by address
 * alone, and the IP address and device in audit events. Returns whether the account existed and was due.
 */
export const eraseAccount = async (deps: Needs, id: string): Promise<boolean> => {
  await anonymizeEvents(deps, id)
  const erased = await deleteRow(deps, id)
  if (!erased) return false
  await deleteSessions(deps, id)
  // If this fails, the keys expire unused, because no other user ever gets this id.
  await Promise.all([
    ...[deleteDevices(deps, id), deleteUserTokens(deps, id)],
    ...[deleteCounters(deps, erased), deleteFactorCounters(deps, id)],
  ])
  return true
}

// Emails without a user to any address that this user has or had, unless another user has that address now. An email about
// another account is kept, even if it went to one of these addresses: it may hold the link that restores that account.
const unlinkedEmails = `user_id IS NULL
  AND recipient = ANY(ARRAY(SELECT email FROM users WHERE id = $1
                            UNION SELECT recipient FROM emails WHERE user_id = $1))
  AND NOT EXISTS (SELECT 1 FROM users WHERE email = recipient AND id <> $1)`

// Events of email requests by address alone. Only the row of the email links such an event to a user.
const emailRequests = `user_id IS NULL AND data ? 'email_id' AND (ip IS NOT NULL OR user_agent IS NOT NULL)
  AND data->>'email_id' IN (SELECT id::text FROM emails WHERE ${unlinkedEmails})`

// Attackers who try to sign in cause events, so there may be very many. Batches stay below the timeout of a statement, and
// leave few rows for the deletion of the user to update.
const anonymizeEvents = async ({ database }: Needs, id: string): Promise<void> => {
  const conditions = [
    // In the order of the index: for an account with very many events, Postgres would read the table instead.
    'user_id = $1 ORDER BY id',
    'actor_id = $1 AND (ip IS NOT NULL OR user_agent IS NOT NULL)',
    emailRequests,
  ]
  for (const condition of conditions)
    for (;;) {
      const [, changed] = (await database.query(
        `UPDATE audit_events SET ip = NULL, user_agent = NULL, user_id = nullif(user_id, $1),
                data = CASE WHEN user_id = $1 THEN NULL ELSE data END
          WHERE id IN (SELECT id FROM audit_events WHERE ${condition} LIMIT ${batchSize})`,
        [id],
      )) as [unknown, number]
      if (changed < batchSize) break
    }
}

const deleteRow = ({ database }: Needs, id: string): Promise<{ id: string; email: string } | null> =>
  database.transaction(async manager => {
    // The owner may have undone the deletion, or another worker may be erasing this account. Then the lock waits for it, and
    // no row is found.
    const [due]: { id: string; email: string }[] = await manager.query(
      `SELECT id, email FROM users WHERE id = $1 AND erase_after <= now() FOR UPDATE`,
      [id],
    )
    if (!due) return null
    await manager.query(`DELETE FROM emails WHERE ${unlinkedEmails}`, [id])
    await manager.query(`DELETE FROM users WHERE id = $1`, [id])
    return due
  })
