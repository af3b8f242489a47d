import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import { kindsFor } from '../../platform/catalog/email-definition.ts'
import { type UndoPurpose, undoPurposes } from '../../platform/catalog/token-purposes.ts'

/**
 * Revokes the undo links that were emailed after this one. Once the address of an account is restored, they belong to
 * addresses that held the account later. Once its factors are restored, the changes that they undo are undone.
 *
 * Earlier ones stay valid: otherwise a thief who changes the address twice and undoes the second change would revoke the
 * owner's link. The clock of Postgres decides which is earlier.
 */
export const revokeLaterUndoTokens = async (
  manager: EntityManager,
  { emails }: Pick<Deps, 'emails'>,
  { userId, emailId }: { userId: string; emailId: string },
  purposes: readonly UndoPurpose[] = undoPurposes,
): Promise<void> => {
  await manager.query(
    `UPDATE emails SET proof_spent_at = now()
      WHERE proof_spent_at IS NULL AND user_id = $1 AND kind = ANY($3)
        AND created_at > (SELECT created_at FROM emails WHERE id = $2)`,
    [userId, emailId, kindsFor(emails, purposes)],
  )
}
