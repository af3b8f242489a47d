import type { EntityManager } from 'typeorm'
import { challenge } from '../../platform/catalog/challenges.ts'
import { Problem } from '../../platform/catalog/problems.ts'

/**
 * Refuses a change by a machine client that was revoked while its request waited. The row stays locked until the change
 * commits, so an operator who revokes a client sees everything that it did. Null without a client, or for a live one.
 */
export const endedActorRefusal = async (
  manager: EntityManager,
  machineId: string | undefined,
): Promise<Problem<'INVALID_TOKEN'> | null> => {
  if (machineId === undefined) return null
  const live: unknown[] = await manager.query(
    'SELECT FROM clients WHERE id = $1 AND revoked_at IS NULL FOR SHARE',
    [machineId],
  )
  return live.length > 0 ? null : new Problem('INVALID_TOKEN', challenge('invalid_token'))
}
