import { NIL } from 'uuid'
import { dropAttempts } from '../attempts/store.ts'
import { emails } from '../base/emails.ts'
import type { Deps } from '../deps.ts'
import { dropDevices } from '../devices/store.ts'
import { dropAllProofs } from '../proofs/store.ts'

const batch = 100
const slice = 5000

type Needs = Pick<Deps, 'database' | 'log' | 'redis' | 'keys'>

/**
 * Erases accounts whose time has come, with everything that names them: their mails, also those that were asked for
 * by address alone, and address and device in audit events. One waits while somebody may still take back the move of
 * it. Returns how many. Each stands for itself: one that cannot be erased now does not hold up the others.
 */
export const eraseAccounts = async (deps: Needs): Promise<number> => {
  let erased = 0
  let last: string = NIL
  for (;;) {
    const due = await dueAfter(deps, last)
    for (const id of due) {
      const done = await eraseAccount(deps, id).catch(err => {
        deps.log.warn({ err, user_id: id }, 'an account is not erased yet')
        return false
      })
      if (done) erased++
    }
    last = due.at(-1) ?? NIL
    if (due.length < batch) break
  }
  if (erased > 0) deps.log.info({ accounts: erased }, 'accounts erased')
  return erased
}

const dueAfter = async ({ database }: Needs, last: string): Promise<string[]> => {
  const due: { id: string }[] = await database.query(
    `SELECT id FROM users
      WHERE erase_after <= now() AND id > $1
        AND NOT EXISTS (SELECT 1 FROM emails WHERE user_id = users.id AND kind = 'email_changed'
                         AND proof_spent_at IS NULL AND created_at > now() - $3 * interval '1 millisecond')
      ORDER BY id LIMIT $2`,
    [last, batch, emails.email_changed.proof.ttl],
  )
  return due.map(({ id }) => id)
}

const eraseAccount = async (deps: Needs, id: string): Promise<boolean> => {
  await forgetEvents(deps, id)
  const erased = await deleteRow(deps, id)
  if (!erased) return false
  // A user id comes once, so what a fault leaves here is found by nobody and runs out.
  await Promise.all([dropDevices(deps, id), dropAllProofs(deps, id), dropAttempts(deps, erased)])
  return true
}

// Strangers who try to sign in cause events, so there may be many: a slice at a time stays below the limit of a
// statement, and of what the row's end would have to change at once.
const forgetEvents = async ({ database }: Needs, id: string): Promise<void> => {
  const named = ['user_id = $1', 'actor_id = $1 AND (ip IS NOT NULL OR user_agent IS NOT NULL)']
  for (const those of named)
    for (;;) {
      const [, changed] = (await database.query(
        `UPDATE audit_events SET ip = NULL, user_agent = NULL, user_id = nullif(user_id, $1)
          WHERE id IN (SELECT id FROM audit_events WHERE ${those} LIMIT ${slice})`,
        [id],
      )) as [unknown, number]
      if (changed < slice) break
    }
}

const deleteRow = ({ database }: Needs, id: string): Promise<{ id: string; email: string } | null> =>
  database.transaction(async manager => {
    // The deletion may have been taken back meanwhile, and another worker may be at it.
    const [due]: { id: string; email: string }[] = await manager.query(
      `SELECT id, email FROM users WHERE id = $1 AND erase_after <= now() FOR UPDATE SKIP LOCKED`,
      [id],
    )
    if (!due) return null
    // Also what went to addresses that they had before, unless somebody else has one of them now. A mail about another
    // account is that one's, whatever address it went to: its way back, perhaps.
    await manager.query(
      `DELETE FROM emails
        WHERE user_id IS NULL
          AND recipient = ANY(ARRAY(SELECT email FROM users WHERE id = $1
                                    UNION SELECT recipient FROM emails WHERE user_id = $1))
          AND NOT EXISTS (SELECT 1 FROM users WHERE email = recipient AND id <> $1)`,
      [id],
    )
    await manager.query(`DELETE FROM users WHERE id = $1`, [id])
    return due
  })
