import type { Deps } from '../../deps.ts'
import { addEmailJobs } from '../../platform/mail/queue.ts'

const batchSize = 500

/**
 * Queues emails that a crash or a lost Redis left without a job, and checks them again after 30 s. Adding an email that
 * already has a job changes nothing, so any number of workers may sweep. Returns how many emails were queued.
 */
export const sweep = async (deps: Pick<Deps, 'database' | 'queue' | 'log'>): Promise<number> => {
  let found = 0
  for (;;) {
    const [rows] = (await deps.database.query(
      `UPDATE emails SET sweep_after = now() + interval '30 seconds'
        WHERE id IN (SELECT id FROM emails WHERE status = 'queued' AND sweep_after <= now()
                      ORDER BY sweep_after LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING id`,
      [batchSize],
    )) as [{ id: string }[], number]
    const ids = rows.map(({ id }) => id)
    if (ids.length > 0) await addEmailJobs(deps.queue, ids).catch(error => sweepAgain(deps, ids, error))
    found += rows.length
    if (rows.length < batchSize) return found
  }
}

/** Lets the next sweep find emails that could not be queued, without the wait of 30 s. */
const sweepAgain = async (
  { database }: Pick<Deps, 'database'>,
  ids: string[],
  error: unknown,
): Promise<never> => {
  await database.query('UPDATE emails SET sweep_after = now() WHERE id = ANY($1)', [ids])
  throw error
}
