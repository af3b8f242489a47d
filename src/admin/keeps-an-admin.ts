import type { EntityManager } from 'typeorm'
import type { Role } from '../accounts/rules.ts'
import { openOnly } from '../accounts/rules.ts'

type Act = { userId: string; actorId: string | null }

/**
 * Whether a change to a user leaves an administrator, and is asked for by one: an actor who was demoted while the
 * request waited is refused. Null acts for the operator at the command line. Such changes wait for each other, so that
 * of two administrators who remove each other at once one is refused. Row locks alone deadlock here: a row that stops
 * matching while its lock is waited for stays locked, and the order of the ids is lost. Call it first in a transaction.
 */
export const keepsAnAdmin = async (
  manager: EntityManager,
  { userId, actorId }: Act,
  change: { is_active?: boolean; roles?: Role[] },
): Promise<boolean> => {
  await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('last administrator', 0))`)
  const found: { id: string }[] = await manager.query(
    `SELECT id FROM users WHERE 'admin' = ANY(roles) AND ${openOnly} ORDER BY id FOR UPDATE`,
  )
  const admins = new Set(found.map(({ id }) => id))
  const stays = change.is_active !== false && (change.roles?.includes('admin') ?? true)
  return (actorId === null || admins.has(actorId)) && (stays || !admins.has(userId) || admins.size > 1)
}
