import type { Deps } from '../../deps.ts'
import { kindsFor } from '../../platform/catalog/email-definition.ts'
import type { TokenPurpose } from '../../platform/catalog/token-purposes.ts'

/** The effect of a used token as an SQL condition, and the purposes whose later use replaces it. */
type Effect = { holds: string; replacedBy: readonly TokenPurpose[] }

const address: Effect = {
  holds: 'u.email = e.recipient AND u.email_verified',
  replacedBy: ['verify_email', 'change_email', 'undo_email_change'],
}

/** `undoFactor` itself finds out whether its token was used. */
type Purpose = Exclude<TokenPurpose, 'undo_factor'>

const effects: Record<Purpose, Effect> = {
  verify_email: address,
  change_email: address,
  undo_email_change: address,
  // `resetPassword` itself compares whether the password is still the one that was set then.
  reset_password: {
    holds: 'u.email = e.recipient AND u.password_hash IS NOT NULL',
    replacedBy: ['reset_password'],
  },
  // Undoing an email change also restores a deleted account.
  undo_deletion: { holds: 'true', replacedBy: ['undo_deletion', 'undo_email_change'] },
  // A code signs in once, and a repeated request gets no session.
  login: { holds: 'false', replacedBy: [] },
}

/**
 * Whether the effect of the token of this email still stands. Then a client that presents the token again (after a
 * lost reply or a second click) gets the same reply.
 *
 * The token must have been used and not only revoked, the account must be active and show the effect, and no later token
 * may have replaced it. One statement checks all of this, so that no other change comes in between.
 */
export const isEffectCurrent = async (
  { emails, database }: Pick<Deps, 'emails' | 'database'>,
  purpose: Purpose,
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
