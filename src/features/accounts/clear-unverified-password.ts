import { ArrayContains, type EntityManager, IsNull, Not } from 'typeorm'
import { type User, Users } from '../users/entity.ts'

/**
 * Deletes the password of an unverified account when its address is registered again. Otherwise an attacker who registered
 * the address first would know the password of an account that its owner then verifies. Returns the id of that account:
 * its sessions have ended.
 *
 * `exceptId` is the account of the current registration. An administrator keeps the password, because the operator set it:
 * an attacker must not be able to delete it by a registration.
 */
export const clearUnverifiedPassword = async (
  manager: EntityManager,
  email: string,
  exceptId: string | null,
): Promise<string | null> => {
  const unverified = {
    email,
    email_verified: false,
    password_hash: Not(IsNull()),
    roles: Not(ArrayContains(['admin'])),
    ...(exceptId && { id: Not(exceptId) }),
  }
  const { raw } = await manager
    .createQueryBuilder()
    .update(Users)
    .set({ password_hash: null, session_epoch: () => 'session_epoch + 1', updated_at: () => 'now()' })
    .where(unverified)
    .returning('id')
    .execute()
  return (raw[0] as Pick<User, 'id'> | undefined)?.id ?? null
}
