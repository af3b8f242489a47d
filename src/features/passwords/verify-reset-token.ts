import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { type PresentedToken, verifyOneTimeToken } from '../one-time-tokens/verify-one-time-token.ts'
import type { User } from '../users/entity.ts'
import { findUser } from '../users/store.ts'
import { mayReset } from '../users/user-state.ts'

/**
 * Finds whose password a token or code resets, without spending it; null where there is nobody: no such proof, an account
 * that is closed for good, or one that has moved to another address since. `isUsed`: the proof has set a password before.
 * `expiresIn` in milliseconds.
 */
export const verifyResetToken = async (
  deps: Pick<
    Deps,
    | 'config'
    | 'clock'
    | 'log'
    | 'metrics'
    | 'emails'
    | 'database'
    | 'reads'
    | 'redis'
    | 'keys'
    | 'limiter'
    | 'secrets'
  >,
  presented: PresentedToken,
): Promise<{ user: User; emailId: string; isUsed: boolean; expiresIn: number } | null> => {
  const proof = await verifyOneTimeToken(deps, 'reset_password', presented)
  const user = proof && (await findUser(deps.reads, proof.userId))
  if (!user || !mayReset(user, now(deps.clock)) || user.email !== proof?.address) return null
  return { user, emailId: proof.emailId, isUsed: proof.isUsed, expiresIn: proof.expiresIn }
}
