import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import { kindsFor } from '../../platform/catalog/email-definition.ts'
import { type TokenPurpose, tokenPurposes, undoPurposes } from '../../platform/catalog/token-purposes.ts'

/**
 * Revokes the emailed tokens of a user, sent or still queued, in the transaction of a change that must end them, such as a
 * reset password or a changed address. The `kept` purposes stay: by default the links that undo a change, or an attacker
 * who confirms, resets or deletes would take them from the owner. Tokens that Redis still holds are useless, because
 * `verifyOneTimeToken` checks the row of the email.
 */
export const revokeUserTokens = async (
  manager: EntityManager,
  { emails }: Pick<Deps, 'emails'>,
  user: { id: string; email: string },
  kept: readonly TokenPurpose[] = undoPurposes,
): Promise<void> => {
  const kinds = kindsFor(
    emails,
    tokenPurposes.filter(purpose => !kept.includes(purpose)),
  )
  await manager.query(
    `UPDATE emails SET proof_spent_at = now()
      WHERE proof_spent_at IS NULL AND kind = ANY($1)
        AND (user_id = $2 OR (user_id IS NULL AND recipient = $3))`,
    [kinds, user.id, user.email],
  )
}
