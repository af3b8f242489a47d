import type { EntityManager } from 'typeorm'

/**
 * Spends the undo links that were mailed after this one, which are those of whoever had the account since. An earlier
 * one stands: a thief who moved twice would else end its owner's way back by taking the second move back. It is
 * the clock of Postgres that tells earlier from later.
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
