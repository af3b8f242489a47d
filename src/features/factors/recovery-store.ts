import type { EntityManager } from 'typeorm'
import type { PreparedReads, Statement } from '../../platform/postgres/prepared-read.ts'
import { liveOnly } from './factor-store.ts'

const unusedCode: Statement = {
  name: 'unused-recovery-code',
  text: 'SELECT 1 FROM recovery_codes WHERE factor_id = $1 AND hash = $2 AND used_at IS NULL',
}

/** Whether a recovery code of this hash was not used yet. */
export const isCodeUnused = async (reads: PreparedReads, factorId: string, hash: string): Promise<boolean> =>
  (await reads.run(unusedCode, [factorId, hash])).length === 1

/** Uses up the recovery code of a hash. Returns whether it was unused. */
export const useCode = async (manager: EntityManager, factorId: string, hash: string): Promise<boolean> => {
  const [, count] = (await manager.query(
    `WITH used AS (
       UPDATE recovery_codes SET used_at = clock_timestamp()
        WHERE factor_id = $1 AND hash = $2 AND used_at IS NULL
          AND EXISTS (SELECT 1 FROM factors WHERE id = $1 AND ${liveOnly})
       RETURNING factor_id)
     UPDATE factors SET last_used_at = clock_timestamp() WHERE id IN (SELECT factor_id FROM used)`,
    [factorId, hash],
  )) as [unknown, number]
  return count === 1
}

/** How many recovery codes of a set are unused. */
export const countUnusedCodes = async (manager: EntityManager, factorId: string): Promise<number> => {
  const [row]: { count: number }[] = await manager.query(
    'SELECT count(*)::int FROM recovery_codes WHERE factor_id = $1 AND used_at IS NULL',
    [factorId],
  )
  return row?.count ?? 0
}
