import { IsNull } from 'typeorm'
import type { Deps } from '../../deps.ts'
import type { EmailKind } from '../../platform/catalog/emails.ts'
import { type Email, Emails } from '../../platform/mail/entity.ts'
import type { User } from '../users/entity.ts'

/** An owner's ways back, and what was paid: whoever closes the account does not hold them back. */
const owed: readonly EmailKind[] = [
  ...(['email_changed', 'account_deleted', 'purchase_confirmation', 'purchase_claim'] as const),
]

/**
 * What a closed account is sent in place of this email, or null for nothing. Who asks for a reset and has deleted the
 * account gets the link again that undoes the deletion. It is the link of the deletion itself, so that however often
 * strangers ask, there is one. An administrator's deletion has made that link void.
 */
export const isForClosedAccount = async (
  { database }: Pick<Deps, 'database'>,
  email: Email,
  user: User,
): Promise<Email | null> => {
  if (owed.includes(email.kind)) return email
  if (email.kind !== 'reset_password' || !user.is_active) return null
  return database.getRepository(Emails).findOne({
    where: { user_id: user.id, kind: 'account_deleted', recipient: user.email, proof_spent_at: IsNull() },
    order: { id: 'DESC' },
  })
}
