import type { EntityManager } from 'typeorm'

/**
 * Ends the ways back of moves before which the account held nothing, once its new mailbox has set a password. Else
 * somebody would move an account of theirs to a victim's address, and take it back with what the victim has put into it.
 * An account that held something keeps its way back, or a thief who moves it away would end it by a reset.
 */
export const revokeEmptyUndoTokens = async (manager: EntityManager, userId: string): Promise<void> => {
  await manager.query(
    `UPDATE emails SET proof_spent_at = now()
      WHERE proof_spent_at IS NULL AND user_id = $1 AND kind = 'email_changed' AND data->>'held' = 'nothing'`,
    [userId],
  )
}
