import { restoreRevocations } from './restore-revocations.ts'
import { keepMs } from './store.ts'

/** A failover may lose the writes of this time, in milliseconds. */
const lostByFailoverMs = 60_000

const batchSize = 1000

type Needs = Parameters<typeof restoreRevocations>[0]

/**
 * Returns a job that keeps the feed in Redis complete: it adds what a process did not write because it died, or because
 * Redis was down, flushed or failed over. It also deletes the rows in Postgres that no longer matter.
 */
export const openFeedRepair = (): ((deps: Needs) => Promise<void>) => {
  let repairedAt = Number.NEGATIVE_INFINITY
  return async function repairFeed(deps) {
    const startedAt = performance.now()
    if (await restoreRevocations(deps, startedAt - repairedAt + lostByFailoverMs)) repairedAt = startedAt
    await purge(deps)
  }
}

const purge = async (deps: Needs): Promise<void> => {
  await deps.database.query(
    `DELETE FROM revocations WHERE id IN
      (SELECT id FROM revocations WHERE at < now() - $1 * interval '1 millisecond'
        ORDER BY at LIMIT ${batchSize} FOR UPDATE SKIP LOCKED)`,
    [keepMs(deps)],
  )
}
