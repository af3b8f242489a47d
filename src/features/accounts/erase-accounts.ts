import { NIL } from 'uuid'
import { emails } from '../../platform/catalog/emails.ts'
import { eraseAccount } from './erase-account.ts'

const batchSize = 100

type Needs = Parameters<typeof eraseAccount>[0]

/**
 * Erases every account that is due, and returns their number. An account whose email address was changed waits until that
 * change can no longer be undone. If an account cannot be erased, the job continues with the next one.
 */
export const eraseAccounts = async (deps: Needs): Promise<number> => {
  let erased = 0
  let last: string = NIL
  for (;;) {
    const due = await dueAfter(deps, last)
    for (const id of due) {
      const done = await eraseAccount(deps, id).catch(err => {
        deps.log.warn({ err, user_id: id }, 'an account was not erased: the next run tries again')
        return false
      })
      if (done) erased++
    }
    last = due.at(-1) ?? NIL
    if (due.length < batchSize) break
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
    [last, batchSize, emails.email_changed.token.lifetime],
  )
  return due.map(({ id }) => id)
}
