import type { EntityManager } from 'typeorm'

/**
 * Revokes the undo links of email changes before which the account was empty, once the new mailbox has set a password.
 * Otherwise an attacker could move an empty account of theirs to a victim's address, and undo that later to take over what
 * the victim has put into it. An account that held something keeps its undo link: otherwise a thief who moves it away could
 * revoke the owner's link by a reset.
 */
export const revokeEmptyUndoTokens = async (manager: EntityManager, userId: string): Promise<void> => {
  await manager.query(
    `UPDATE emails SET proof_spent_at = now()
      WHERE proof_spent_at IS NULL AND user_id = $1 AND kind = 'email_changed' AND data->>'held' = 'nothing'`,
    [userId],
  )
}
