import type { Deps } from '../../deps.ts'
import { Emails } from '../../platform/mail/entity.ts'
import { leaseSeconds } from './lease.ts'

// One attempt at a time for each email: an attempt has a lease on its row in Postgres. If Redis loses
// its data or renews a lock too late, a second job for the row starts. It sends nothing while a slow mail server has not
// answered the first.

type Needs = Pick<Deps, 'database'>

const renewEveryMs = 3000

/** Lets the sweeper find an email when its lease ends. Returns false if the email is settled. */
export const sweepAfterLease = async ({ database }: Needs, id: string): Promise<boolean> => {
  const { affected } = await database
    .createQueryBuilder()
    .update(Emails)
    .set({ sweep_after: () => 'coalesce(held_until, now())' })
    .where(`id = :id AND status = 'queued'`, { id })
    .execute()
  return affected === 1
}

/** Renews the lease of an attempt until disposed. */
export const keepLease = ({ database }: Needs, id: string): Disposable => {
  const renew = (): void => {
    const renewed = database.query(
      `UPDATE emails SET held_until = now() + interval '${leaseSeconds} seconds' WHERE id = $1 AND status = 'queued'`,
      [id],
    )
    // The next renewal follows soon. If none succeeds, the email may be delivered twice, but is not lost.
    renewed.catch(() => {})
  }
  const timer = setInterval(renew, renewEveryMs)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** Ends a failed attempt. The next one may begin at once. */
export const endAttempt = async ({ database }: Needs, id: string, lastError: string): Promise<void> => {
  await database.getRepository(Emails).update({ id }, { last_error: lastError, held_until: null })
}

/** Ends an attempt that may have delivered the email. The next one may begin after `waitMs`. */
export const delayNextAttempt = async (
  { database }: Needs,
  id: string,
  { lastError, waitMs }: { lastError: string; waitMs: number },
): Promise<void> => {
  await database.query(
    `UPDATE emails SET last_error = $2, sends_unanswered = sends_unanswered + 1,
            held_until = now() + $3 * interval '1 millisecond',
            sweep_after = now() + $3 * interval '1 millisecond'
      WHERE id = $1 AND status = 'queued'`,
    [id, lastError, waitMs],
  )
}
