import type { Deps } from '../../deps.ts'
import { findUnsettled } from '../revocations/find-unsettled.ts'
import { announce } from '../revocations/store.ts'
import { deleteSessionsBefore } from './store.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'database' | 'redis' | 'keys'>

/**
 * Finishes what a raised epoch has begun, also if the process that raised it died or Redis was down: deletes the sessions
 * that are left, and adds them to the feed of revocations. One of them may have started at the same time, from the epoch
 * before. Returns the number of epochs.
 */
export const settleEndings = async (deps: Needs): Promise<number> => {
  const unsettled = await findUnsettled(deps)
  for (const { id, sub, epoch } of unsettled) {
    const sessionIds = await deleteSessionsBefore(deps, sub, epoch)
    if (sessionIds.length > 0) await announce(deps, { sub, sessionIds, before: null })
    await deps.database.query('UPDATE revocations SET is_settled = true WHERE id = $1', [id])
  }
  return unsettled.length
}
