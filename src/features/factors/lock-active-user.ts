import type { EntityManager } from 'typeorm'
import { type User, Users } from '../users/entity.ts'
import { activeOnly } from '../users/user-state.ts'

/**
 * Locks the row of a user, unless the account is closed. Call it before any lock on a factor, because the trigger of `factors`
 * locks the user too: the other order could deadlock.
 */
export const lockActiveUser = (manager: EntityManager, id: string): Promise<User | null> =>
  manager
    .createQueryBuilder(Users, 'users')
    .where(`id = :id AND ${activeOnly}`, { id })
    .setLock('pessimistic_write')
    .getOne()
