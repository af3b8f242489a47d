import type { DataSource, EntityManager } from 'typeorm'
import type { User } from '../users/entity.ts'
import { findRegistration, type Registration } from '../users/find-registration.ts'
import { isActive } from '../users/user-state.ts'

/**
 * The registration of an account that the owner of its mailbox may still reject: a visitor registered it, and no emailed
 * link or code was ever used for it. Null for any other account: one that was verified once belongs to its owner, and one
 * made by an administrator or a module exists on purpose.
 */
export const findRejectable = async (
  database: DataSource | EntityManager,
  user: Pick<User, 'id' | 'email' | 'email_verified' | 'roles' | 'is_active' | 'erase_after'>,
): Promise<Registration | null> => {
  if (user.email_verified || !isActive(user) || user.roles.includes('admin')) return null
  const used: unknown[] = await database.query(
    `SELECT 1 FROM emails WHERE (user_id = $1 OR user_id IS NULL AND recipient = $2) AND proof_used_at IS NOT NULL LIMIT 1`,
    [user.id, user.email],
  )
  return used.length > 0 ? null : findRegistration(database, user.id)
}
