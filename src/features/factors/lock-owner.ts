import type { EntityManager } from 'typeorm'
import { type User, Users } from '../users/entity.ts'
import { activeOnly } from '../users/user-state.ts'

/**
 * Locks the row of a user whose factors a session changes. Call it before any lock on a factor, because the trigger of
 * `factors` locks the user too: the other order could deadlock. Returns the current user, or null if the account is closed or
 * the session has ended since the user was read.
 */
export const lockOwner = (
  manager: EntityManager,
  { id, session_epoch: epoch }: Pick<User, 'id' | 'session_epoch'>,
): Promise<User | null> =>
  manager
    .createQueryBuilder(Users, 'users')
    .where(`id = :id AND session_epoch = :epoch AND ${activeOnly}`, { id, epoch })
    .setLock('pessimistic_write')
    .getOne()
