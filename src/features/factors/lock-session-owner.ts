import type { EntityManager } from 'typeorm'
import { settleEpoch } from '../sessions/settle-epoch.ts'
import type { User } from '../users/types.ts'
import { lockActiveUser } from './lock-active-user.ts'

/**
 * As `lockOwner`, for a change that one session may send several times at once, such as by a double click. The first request
 * raises the epoch and moves the session to it. A request that waited for the lock waits for that too, and does not report
 * that the session has ended.
 */
export const lockSessionOwner = async (
  manager: EntityManager,
  deps: Parameters<typeof settleEpoch>[0],
  { user, sessionId }: { user: User; sessionId: string },
): Promise<User | null> => {
  const owner = await lockActiveUser(manager, user.id)
  if (!owner || owner.session_epoch === user.session_epoch) return owner
  const session = { epoch: user.session_epoch, authTime: 0, amr: [] }
  const settled = await settleEpoch(deps, { userId: user.id, sessionId }, { user: owner, session })
  return settled && owner
}
