import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { emails } from '../../platform/catalog/emails.ts'
import type { User } from '../users/entity.ts'
import { findRegistration } from '../users/find-registration.ts'
import { hasModuleRows } from '../users/has-module-rows.ts'

/**
 * Whether an account has held nothing so far that its owner could lose: a visitor made it within the last seven days, and
 * no application module holds a row of it. Whoever made it chose its profile, so that counts for nothing. In doubt the
 * account held something: it is older, or its registration is not known, or it is an administrator's.
 */
export const hasEmptyAccount = async (
  manager: EntityManager,
  user: User,
  deps: Pick<Deps, 'clock' | 'userRows'>,
): Promise<boolean> => {
  const isNew = now(deps.clock) - user.created_at.getTime() < emails.email_changed.token.lifetime
  if (!isNew || user.roles.includes('admin') || !(await findRegistration(manager, user.id))) return false
  return !(await hasModuleRows(manager, deps, user.id))
}
