import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { purge } from '../../platform/postgres/purge.ts'

const hour = 3_600_000

/** A day longer than the link of the email restores them. */
const removedLife = 8 * 24 * hour

/** Longer than a seed waits for its first code. */
const pendingLife = hour

/** Deletes the factors that can neither be restored nor confirmed any more, with their secrets. Returns their number. */
export const purgeFactors = async ({
  clock,
  database,
  log,
}: Pick<Deps, 'clock' | 'database' | 'log'>): Promise<number> => {
  const time = now(clock)
  const removed = await purge(database, 'removed_factors', [new Date(time - removedLife)])
  const pending = await purge(database, 'pending_factors', [new Date(time - pendingLife)])
  if (removed + pending > 0) log.info({ removed, pending }, 'old factors deleted')
  return removed + pending
}
