import type { Deps } from '../../deps.ts'
import { type Email, Emails } from '../../platform/mail/entity.ts'

// One attempt at a time. An attempt holds its row in Postgres, so that a second job for it, which a lost Redis or a late
// lock can cause, sends nothing while a slow mail server is still to answer the first.

type Needs = Pick<Deps, 'database'>

/** In seconds. A worker that dies lets go of its rows by then, which is before its jobs are taken over. */
const holdFor = 9
const renewEvery = 3000

/** Begins an attempt and counts it. Returns null where the row is settled, or held. */
export const beginAttempt = async ({ database }: Needs, id: string): Promise<Email | null> => {
  const { raw } = await database
    .createQueryBuilder()
    .update(Emails)
    .set({ attempts: () => 'attempts + 1', held_until: () => `now() + interval '${holdFor} seconds'` })
    .where(`id = :id AND status = 'queued' AND (held_until IS NULL OR held_until <= now())`, { id })
    .returning('*')
    .execute()
  return (raw[0] as Email | undefined) ?? null
}

/** Whether the row is still to be sent, by the attempt that holds it or after the hold: the sweeper then finds it. */
export const isHeld = async ({ database }: Needs, id: string): Promise<boolean> => {
  const { affected } = await database
    .createQueryBuilder()
    .update(Emails)
    .set({ sweep_after: () => 'coalesce(held_until, now())' })
    .where(`id = :id AND status = 'queued'`, { id })
    .execute()
  return affected === 1
}

/** Goes on holding the row until disposed. */
export const keepHold = ({ database }: Needs, id: string): Disposable => {
  const renew = (): void => {
    const renewed = database.query(
      `UPDATE emails SET held_until = now() + interval '${holdFor} seconds' WHERE id = $1 AND status = 'queued'`,
      [id],
    )
    // The next renewal comes soon; if none succeeds, a second delivery is possible and no email is lost.
    renewed.catch(() => {})
  }
  const timer = setInterval(renew, renewEvery)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** Ends an attempt that failed. The next may begin at once. */
export const endAttempt = async ({ database }: Needs, id: string, fault: string): Promise<void> => {
  await database.getRepository(Emails).update({ id }, { last_error: fault, held_until: null })
}

/** Ends an attempt that has perhaps delivered the email. The next may begin after so many milliseconds. */
export const holdAttempt = async (
  { database }: Needs,
  id: string,
  { fault, wait }: { fault: string; wait: number },
): Promise<void> => {
  await database.query(
    `UPDATE emails SET last_error = $2, sends_unanswered = sends_unanswered + 1,
            held_until = now() + $3 * interval '1 millisecond',
            sweep_after = now() + $3 * interval '1 millisecond'
      WHERE id = $1 AND status = 'queued'`,
    [id, fault, wait],
  )
}
