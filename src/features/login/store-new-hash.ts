import type { Deps } from '../../deps.ts'
import type { User } from '../users/types.ts'

/**
 * Stores another hash of the same password, if the password has not changed since the user was read. A sign-in that waits for
 * its second step does it at once, because the second step does not know the password.
 */
export const storeNewHash = async (
  { database }: Pick<Deps, 'database'>,
  user: Pick<User, 'id' | 'password_hash'>,
  newHash: string,
): Promise<void> => {
  await database.query('UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2', [
    user.id,
    user.password_hash,
    newHash,
  ])
}
