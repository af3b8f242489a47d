import type { EntityManager } from 'typeorm'
import type { User } from '../users/types.ts'
import { lockActiveUser } from './lock-active-user.ts'

/**
 * Locks the row of the user of a session. Returns the current user, or null if the account is closed or the session has ended
 * since the user was read.
 */
export const lockOwner = async (
  manager: EntityManager,
  { id, session_epoch: epoch }: Pick<User, 'id' | 'session_epoch'>,
): Promise<User | null> => {
  const owner = await lockActiveUser(manager, id)
  return owner?.session_epoch === epoch ? owner : null
}
