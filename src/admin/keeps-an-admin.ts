import type { EntityManager } from 'typeorm'
import type { Role } from '../accounts/rules.ts'
import { openOnly } from '../accounts/rules.ts'

type Act = { userId: string; actorId: string | null }

/**
 * Whether a change to a user leaves an administrator, and is asked for by one: who was demoted while their request
 * waited is none any more. Null acts for the operator at the command line. Locks every administrator in the order of
 * their ids, so that of two who remove each other at once one is refused.
 */
export const keepsAnAdmin = async (
  manager: EntityManager,
  { userId, actorId }: Act,
  change: { is_active?: boolean; roles?: Role[] },
): Promise<boolean> => {
  const found: { id: string }[] = await manager.query(
    `SELECT id FROM users WHERE 'admin' = ANY(roles) AND ${openOnly} ORDER BY id FOR UPDATE`,
  )
  const admins = new Set(found.map(({ id }) => id))
  const stays = change.is_active !== false && (change.roles?.includes('admin') ?? true)
  return (actorId === null || admins.has(actorId)) && (stays || !admins.has(userId) || admins.size > 1)
}
