import type { EntityManager } from 'typeorm'
import type { PreparedReads, Statement } from '../../platform/postgres/prepared-read.ts'
import { liveOnly, type SealedFactor } from './factor-store.ts'
import type { Factor } from './types.ts'

const pending = `type = 'totp' AND confirmed_at IS NULL AND removed_at IS NULL`

const pendingTotp: Statement = {
  name: 'pending-totp',
  text: `SELECT id, sealed_secret, last_step FROM factors
    WHERE user_id = $1 AND ${pending} AND created_at > $2`,
}

/** The authenticator app that waits for its first code since a later time than this, or null. */
export const findPendingTotp = async (
  reads: PreparedReads,
  userId: string,
  since: Date,
): Promise<SealedFactor | null> => (await reads.run<SealedFactor>(pendingTotp, [userId, since]))[0] ?? null

/** Deletes the authenticator app of a user that waits for its first code. */
export const deletePendingTotp = async (manager: EntityManager, userId: string): Promise<void> => {
  await manager.query(`DELETE FROM factors WHERE user_id = $1 AND ${pending}`, [userId])
}

/**
 * Confirms an authenticator app by the code of a time step, which is used up by that. Without a name it keeps its own. Returns
 * null if it does not wait for its first code any more.
 */
export const confirmTotpFactor = async (
  manager: EntityManager,
  id: string,
  { step, name }: { step: number; name: string | undefined },
): Promise<Factor | null> => {
  const [[factor]] = (await manager.query(
    `UPDATE factors SET confirmed_at = clock_timestamp(), last_step = $2, name = coalesce($3, name)
      WHERE id = $1 AND ${pending} RETURNING *`,
    [id, step, name ?? null],
  )) as [Factor[], number]
  return factor ?? null
}

/**
 * Uses up the code of a time step. Compares the step again, because another request may have used the same code. Returns
 * whether the code still counted.
 */
export const useStep = async (manager: EntityManager, factorId: string, step: number): Promise<boolean> => {
  const [, count] = (await manager.query(
    `UPDATE factors SET last_step = $2, last_used_at = clock_timestamp()
      WHERE id = $1 AND last_step < $2 AND ${liveOnly}`,
    [factorId, step],
  )) as [unknown, number]
  return count === 1
}
