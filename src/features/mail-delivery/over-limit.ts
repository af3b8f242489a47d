import type { Deps } from '../../deps.ts'
import { emailOf } from '../../platform/catalog/email-definition.ts'
import type { Email } from '../../platform/mail/entity.ts'

/**
 * Whether an email is dropped because its mailbox has reached its limit: the newest link in it still works. But an attacker
 * who changes the password revokes those links. Then the worker sends one more email: otherwise the owner could not reset
 * the password for an hour.
 */
export const isOverLimit = async (
  { emails, database, clock }: Pick<Deps, 'emails' | 'database' | 'clock'>,
  { id, kind, recipient, data }: Email,
): Promise<boolean> => {
  if (!data.over_limit) return false
  const lifetime = emailOf(emails, kind).token?.lifetime ?? 0
  // It looks for a revoked link, not only for the absence of a working one: an earlier email may not be committed yet.
  const [found] = (await database.query(
    `SELECT bool_or(proof_spent_at IS NOT NULL) AS has_revoked,
            bool_or(proof_spent_at IS NULL AND status IN ('queued', 'sent')
                    AND (id < $1 OR NOT data ? 'over_limit')) AS has_working
       FROM emails
      WHERE recipient = $2 AND kind = $3 AND id <> $1
        AND created_at > now() - $4 * interval '1 millisecond'`,
    [id, recipient, kind, lifetime - clock.shift],
  )) as { has_revoked: boolean | null; has_working: boolean | null }[]
  return !found?.has_revoked || found.has_working === true
}
