import type { EntityManager } from 'typeorm'
import { challenge, forbidden } from '../../platform/catalog/challenges.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { activeOnly } from '../users/user-state.ts'

/** `actorId` is an administrator, and `machineId` a machine client. Both are absent for a command. */
type Actor = { actorId?: string | null; machineId?: string | undefined }

/**
 * Refuses a change by a machine client that was revoked, or an administrator who lost the role, while the request waited. The
 * row stays locked until the change commits, so the operator who ends an actor sees everything that it did.
 *
 * Call it before rows of clients are locked: rows of users are always locked first.
 */
export const endedActorRefusal = async (
  manager: EntityManager,
  { actorId, machineId }: Actor,
): Promise<Problem<'INVALID_TOKEN' | 'FORBIDDEN'> | null> => {
  if (actorId) {
    const admin = `SELECT FROM users WHERE id = $1 AND 'admin' = ANY(roles) AND ${activeOnly} FOR SHARE`
    if ((await found(manager, admin, actorId)) === 0) return forbidden()
  }
  if (machineId === undefined) return null
  const live = 'SELECT FROM clients WHERE id = $1 AND revoked_at IS NULL FOR SHARE'
  return (await found(manager, live, machineId)) > 0
    ? null
    : new Problem('INVALID_TOKEN', challenge('invalid_token'))
}

const found = async (manager: EntityManager, statement: string, id: string): Promise<number> => {
  const rows: unknown[] = await manager.query(statement, [id])
  return rows.length
}
