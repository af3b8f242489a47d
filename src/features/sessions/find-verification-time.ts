import type { Deps } from '../../deps.ts'
import { kindsFor } from '../../platform/catalog/email-definition.ts'
import type { User } from '../users/entity.ts'

/** When the owner of the mailbox verified the current address of a user. Null if never, or if the email has been purged. */
export const findVerificationTime = async (
  { emails, database }: Pick<Deps, 'emails' | 'database'>,
  { id, email, email_verified }: Pick<User, 'id' | 'email' | 'email_verified'>,
): Promise<Date | null> => {
  if (!email_verified) return null
  const kinds = kindsFor(emails, ['verify_email', 'change_email', 'undo_email_change'])
  const [found]: { at: Date | null }[] = await database.query(
    `SELECT max(proof_used_at) AS at FROM emails
      WHERE (user_id = $1 OR user_id IS NULL AND recipient = $2) AND kind = ANY($3)`,
    [id, email, kinds],
  )
  return found?.at ?? null
}
