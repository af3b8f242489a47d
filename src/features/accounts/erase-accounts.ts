import { NIL } from 'uuid'
import type { Deps } from '../../deps.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { eraseAccount } from './erase-account.ts'

const batch = 100

type Needs = Pick<Deps, 'database' | 'log' | 'redis' | 'keys'>

/**
 * Erases accounts whose time has come. One waits while somebody may still take back the move of it. Returns how many. Each
 * stands for itself: one that cannot be erased now does not hold up the others.
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
    [last, batch, emails.email_changed.token.lifetime],
  )
  return due.map(({ id }) => id)
}
