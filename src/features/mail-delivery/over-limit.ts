import type { Deps } from '../../deps.ts'
import { emails } from '../../platform/catalog/emails.ts'
import type { Email } from '../../platform/mail/entity.ts'
import type { TokenKind } from '../one-time-tokens/issue-one-time-token.ts'

/**
 * Whether an email must not be sent because its mailbox has had as many as it may. The newest link in that mailbox is
 * still valid, so its owner needs no other. A thief who changes the password ends those links: then one more email goes
 * out, or the owner could not reset the password for an hour. An earlier email that is not committed yet is not seen,
 * so this asks for a link that was ended, and not only for one that stands.
 */
export const isOverLimit = async (
  { database, clock }: Pick<Deps, 'database' | 'clock'>,
  { id, kind, recipient, data }: Email,
): Promise<boolean> => {
  if (!data.over_limit) return false
  const { ttl } = emails[kind as TokenKind].proof
  const [found] = (await database.query(
    `SELECT bool_or(proof_spent_at IS NOT NULL) AS ended,
            bool_or(proof_spent_at IS NULL AND status IN ('queued', 'sent')
                    AND (id < $1 OR NOT data ? 'over_limit')) AS stands
       FROM emails
      WHERE recipient = $2 AND kind = $3 AND id <> $1
        AND created_at > now() - $4 * interval '1 millisecond'`,
    [id, recipient, kind, ttl - clock.shift],
  )) as { ended: boolean | null; stands: boolean | null }[]
  return !found?.ended || found.stands === true
}
