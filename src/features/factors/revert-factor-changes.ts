import type { EntityManager } from 'typeorm'
import type { FactorType } from '../../platform/catalog/factors.ts'
import { restoreFactors } from './restore-factors.ts'

export type RevertedFactor = { id: string; type: FactorType; change: 'removed' | 'restored' }

/**
 * Reverts the changes of a user's factors since a point in time: deletes those that were added since, and restores those that
 * were removed since. Call it in a transaction that has locked the row of the user.
 */
export const revertFactorChanges = async (
  manager: EntityManager,
  userId: string,
  since: Date,
): Promise<RevertedFactor[]> => {
  const [added]: [Omit<RevertedFactor, 'change'>[], number] = await manager.query(
    `DELETE FROM factors WHERE user_id = $1 AND (confirmed_at IS NULL OR confirmed_at >= $2)
      RETURNING id, type`,
    [userId, since],
  )
  const removed = await restoreFactors(manager, userId, { since })
  return [
    ...added.map(factor => ({ ...factor, change: 'removed' as const })),
    ...removed.map(factor => ({ ...factor, change: 'restored' as const })),
  ]
}
