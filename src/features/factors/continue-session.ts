import type { Deps } from '../../deps.ts'
import { putAuthentication } from '../sessions/store.ts'
import type { SessionState } from '../sessions/types.ts'
import type { User } from '../users/types.ts'

type Kept = {
  /** The user before the change: its epoch is the one that has ended. */
  user: Pick<User, 'id' | 'session_epoch'>
  sessionId: string
} & Pick<SessionState, 'authTime' | 'amr'>

/**
 * Moves a session to the next epoch of its user. Call it after the transaction that raised the epoch has committed, and before
 * the user's sessions are deleted. If Redis fails here twice, this session ends too, and the user signs in again.
 */
export const continueSession = async (
  deps: Pick<Deps, 'clock' | 'keys' | 'log' | 'redis'>,
  { user, sessionId, authTime, amr }: Kept,
): Promise<void> => {
  const { id: userId, session_epoch: epoch } = user
  const next = { authTime, amr, nextEpoch: epoch + 1 }
  const move = () => putAuthentication(deps, { userId, sessionId, epoch }, next)
  // A busy Redis may answer too late. The script is safe to send twice.
  await move()
    .catch(move)
    .catch(err =>
      deps.log.warn(
        { err },
        'the factors of a user have changed, but the session of the change has ended too',
      ),
    )
}
