import type { EntityManager } from 'typeorm'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Role } from './types.ts'
import { activeOnly } from './user-state.ts'

type Change = { userId: string; actorId: string | null }

/**
 * Refuses a change that would leave no administrator, and a change by an actor who lost the role while the request waited.
 * Returns null if the change is allowed. An `actorId` of null is the operator at the command line.
 *
 * Call it first in a transaction. An advisory lock makes such changes wait for each other, so that of two administrators
 * who remove each other at once one is refused. Row locks alone would deadlock: a row that stops matching during the wait
 * for its lock stays locked, and rows are no longer locked in the order of their ids.
 */
export const adminChangeRefusal = async (
  manager: EntityManager,
  { userId, actorId }: Change,
  change: { is_active?: boolean; roles?: Role[] },
): Promise<Problem<'FORBIDDEN'> | null> => {
  await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('last administrator', 0))`)
  const found: { id: string }[] = await manager.query(
    `SELECT id FROM users WHERE 'admin' = ANY(roles) AND ${activeOnly} ORDER BY id FOR UPDATE`,
  )
  const admins = new Set(found.map(({ id }) => id))
  const stays = change.is_active !== false && (change.roles?.includes('admin') ?? true)
  if (actorId !== null && !admins.has(actorId)) return new Problem('FORBIDDEN', { detail: 'role' })
  return stays || !admins.has(userId) || admins.size > 1
    ? null
    : new Problem('FORBIDDEN', { detail: 'last_admin' })
}
