import type { EntityManager } from 'typeorm'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Role } from './types.ts'
import { activeOnly } from './user-state.ts'

type Act = { userId: string; actorId: string | null }

/**
 * Refuses a change to a user that leaves no administrator, or that an actor asks for who was demoted while the request
 * waited; null where the change may be made. Null acts for the operator at the command line. Such changes wait for each other, so that
 * of two administrators who remove each other at once one is refused. Row locks alone deadlock here: a row that stops
 * matching while its lock is waited for stays locked, and the order of the ids is lost. Call it first in a transaction.
 */
export const adminChangeRefusal = async (
  manager: EntityManager,
  { userId, actorId }: Act,
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
