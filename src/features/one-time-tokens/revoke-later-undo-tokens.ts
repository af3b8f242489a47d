import type { EntityManager } from 'typeorm'

/**
 * Revokes the undo links that were emailed after this one: they belong to addresses that held the account later. Earlier
 * ones stay valid: otherwise a thief who changes the address twice and undoes the second change would revoke the owner's
 * link. The clock of Postgres decides which is earlier.
 */
export const revokeLaterUndoTokens = async (
  manager: EntityManager,
  { userId, emailId }: { userId: string; emailId: string },
): Promise<void> => {
  await manager.query(
    `UPDATE emails SET proof_spent_at = now()
      WHERE proof_spent_at IS NULL AND user_id = $1 AND kind IN ('email_changed', 'account_deleted')
        AND created_at > (SELECT created_at FROM emails WHERE id = $2)`,
    [userId, emailId],
  )
}
