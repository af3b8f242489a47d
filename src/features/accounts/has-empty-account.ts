import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { emails } from '../../platform/catalog/emails.ts'
import type { User } from '../users/entity.ts'
import { findRegistration } from '../users/find-registration.ts'
import { hasModuleRows } from '../users/has-module-rows.ts'

/**
 * Whether an account holds nothing that its owner could lose: a visitor registered it within the last seven days, and no
 * application module stores a row about it. The profile does not count, because the visitor chose it. An account that is
 * older, is an administrator's or has no known registration is not empty.
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
