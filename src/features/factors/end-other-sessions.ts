import type { Deps } from '../../deps.ts'
import type { Amr } from '../sessions/authentication.ts'
import { deleteSessions } from '../sessions/delete-sessions.ts'
import { putAuthentication } from '../sessions/store.ts'
import type { User } from '../users/types.ts'

type Kept = {
  /** The user before the change: its epoch is the one that has ended. */
  user: Pick<User, 'id' | 'session_epoch'>
  sessionId: string
  authTime: number
  amr: readonly Amr[]
}

/**
 * Moves a session to the next epoch of its user, and deletes the user's other sessions. Call it after the transaction that
 * raised the epoch has committed. If Redis fails here, this session ends too, and the user signs in again.
 */
export const endOtherSessions = async (
  deps: Parameters<typeof deleteSessions>[0] & Pick<Deps, 'log'>,
  { user, sessionId, authTime, amr }: Kept,
): Promise<void> => {
  const { id: userId, session_epoch: epoch } = user
  const next = { authTime, amr, nextEpoch: epoch + 1 }
  await putAuthentication(deps, { userId, sessionId, epoch }, next).catch(err =>
    deps.log.warn({ err }, 'the factors of a user have changed, but the session of the change has ended too'),
  )
  await deleteSessions(deps, userId, 'session')
}
