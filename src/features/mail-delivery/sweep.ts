import type { Deps } from '../../deps.ts'
import { addMails } from '../../platform/mail/queue.ts'

const batch = 500

/**
 * Queues what a crash or a lost Redis left behind: rows that are owed and that nobody has looked at for a while.
 * Each is looked at again after 30 s, and adding one that waits already changes nothing, so any number of workers
 * may sweep. Returns how many rows were queued.
 */
export const sweep = async (deps: Pick<Deps, 'database' | 'queue' | 'log'>): Promise<number> => {
  let found = 0
  for (;;) {
    const [rows] = (await deps.database.query(
      `UPDATE emails SET sweep_after = now() + interval '30 seconds'
        WHERE id IN (SELECT id FROM emails WHERE status = 'queued' AND sweep_after <= now()
                      ORDER BY sweep_after LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING id`,
      [batch],
    )) as [{ id: string }[], number]
    const ids = rows.map(({ id }) => id)
    if (ids.length > 0) await addMails(deps.queue, ids).catch(fault => putBack(deps, ids, fault))
    found += rows.length
    if (rows.length < batch) return found
  }
}

/** What could not be queued is not to wait for another round: the next sweep finds it. */
const putBack = async (
  { database }: Pick<Deps, 'database'>,
  ids: string[],
  fault: unknown,
): Promise<never> => {
  await database.query('UPDATE emails SET sweep_after = now() WHERE id = ANY($1)', [ids])
  throw fault
}
