import type { Deps } from '../../deps.ts'
import { kindsFor } from '../../platform/catalog/email-definition.ts'
import type { TokenPurpose } from '../../platform/catalog/token-purposes.ts'

/** What a used proof has brought about, and which later proof has replaced that. */
type Effect = { holds: string; replacedBy: readonly TokenPurpose[] }

const address: Effect = {
  holds: 'u.email = e.recipient AND u.email_verified',
  replacedBy: ['verify_email', 'change_email', 'undo_email_change'],
}

const effects: Record<TokenPurpose, Effect> = {
  verify_email: address,
  change_email: address,
  undo_email_change: address,
  // Whether the password is still the one that was set then, the flow itself compares.
  reset_password: {
    holds: 'u.email = e.recipient AND u.password_hash IS NOT NULL',
    replacedBy: ['reset_password'],
  },
  // Undoing a move revives a deleted account too.
  undo_deletion: { holds: 'true', replacedBy: ['undo_deletion', 'undo_email_change'] },
}

/**
 * Tells whether what the proof of this email has brought about still stands, so that a client that presents it again
 * (a lost reply, a second click) gets the same answer. One statement, so that no other change comes between: the proof
 * was used and not only made void, the account is open and shows the effect, and no later proof has replaced it.
 */
export const isEffectCurrent = async (
  { emails, database }: Pick<Deps, 'emails' | 'database'>,
  purpose: TokenPurpose,
  { userId, emailId }: { userId: string; emailId: string },
): Promise<boolean> => {
  const { holds, replacedBy } = effects[purpose]
  const found: unknown[] = await database.query(
    `SELECT 1 FROM users u JOIN emails e ON e.user_id = u.id OR e.user_id IS NULL AND e.recipient = u.email
      WHERE u.id = $1 AND u.is_active AND u.erase_after IS NULL
        AND e.id = $2 AND e.proof_used_at IS NOT NULL AND ${holds}
        AND NOT EXISTS (SELECT 1 FROM emails l
                         WHERE (l.user_id = u.id OR l.user_id IS NULL AND l.recipient = u.email)
                           AND l.kind = ANY($3) AND l.proof_used_at > e.proof_used_at)`,
    [userId, emailId, kindsFor(emails, replacedBy)],
  )
  return found.length === 1
}
