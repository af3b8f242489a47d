import { ArrayContains, type EntityManager, IsNull, Not } from 'typeorm'
import { Users } from '../users/entity.ts'

/**
 * Of two who register one address before its mailbox has spoken, nobody keeps a password: else whoever was first would
 * know that of an account which its owner then verifies. Returns whether there was one to drop. `but` is the account
 * that was made just now. The password of an administrator stays: the operator set it, and no stranger may end it.
 */
export const clearUnverifiedPassword = async (
  manager: EntityManager,
  email: string,
  but: string | null,
): Promise<boolean> => {
  const unproven = {
    email,
    email_verified: false,
    password_hash: Not(IsNull()),
    roles: Not(ArrayContains(['admin'])),
    ...(but && { id: Not(but) }),
  }
  const { affected } = await manager.update(Users, unproven, {
    password_hash: null,
    session_epoch: () => 'session_epoch + 1',
    updated_at: () => 'now()',
  })
  return affected === 1
}
