import type { Deps } from '../../deps.ts'
import { emailOf } from '../../platform/catalog/email-definition.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { type Email, Emails } from '../../platform/mail/entity.ts'
import { IsNull } from '../../platform/postgres/typeorm.ts'
import type { User } from '../users/entity.ts'

/** Emails that an owner requests who wants to use the account again. */
const undoingKinds: readonly string[] = [emails.reset_password.kind, emails.login_code.kind]

/**
 * The email that an account which is not active receives instead of this one, or null for none. A request for a reset or for a
 * code to sign in sends a deleted account the undo link of the deletion again: always that one link, however many requests an
 * attacker sends. An administrator's deletion has revoked it.
 */
export const emailForInactiveAccount = async (
  deps: Pick<Deps, 'emails' | 'database'>,
  email: Email,
  user: User,
): Promise<Email | null> => {
  if (emailOf(deps.emails, email.kind).sendTo.inactiveAccounts) return email
  if (!undoingKinds.includes(email.kind) || !user.is_active) return null
  const { kind } = emails.account_deleted
  return deps.database.getRepository(Emails).findOne({
    where: { user_id: user.id, kind, recipient: user.email, proof_spent_at: IsNull() },
    order: { id: 'DESC' },
  })
}
