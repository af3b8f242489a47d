import type { EntityManager } from 'typeorm'
import { emails, type ProofPurpose } from '../../platform/catalog/emails.ts'

const provingKinds = Object.entries(emails).flatMap(([kind, email]) => ('proof' in email ? [kind] : []))

/** An owner's ways back outlive whatever a thief confirms, resets or deletes. */
const waysBack: readonly ProofPurpose[] = ['undo_email_change', 'undo_deletion']

/**
 * Spends the mailed proofs of a user but the `kept` ones, sent or still owed, in the transaction of a change after
 * which they may not stand: a password that was reset, an address that moved. What Redis still holds of them opens nothing:
 * `verifyOneTimeToken` asks the row.
 */
export const revokeUserTokens = async (
  manager: EntityManager,
  user: { id: string; email: string },
  kept = waysBack,
): Promise<void> => {
  const kinds = provingKinds.filter(kind => {
    const { proof } = emails[kind as keyof typeof emails] as { proof: { purpose: ProofPurpose } }
    return !kept.includes(proof.purpose)
  })
  await manager.query(
    `UPDATE emails SET proof_spent_at = now()
      WHERE proof_spent_at IS NULL AND kind = ANY($1)
        AND (user_id = $2 OR (user_id IS NULL AND recipient = $3))`,
    [kinds, user.id, user.email],
  )
}
