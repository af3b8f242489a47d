import { now } from '../../platform/base/clock.ts'
import { type PresentedToken, verifyOneTimeToken } from '../one-time-tokens/verify-one-time-token.ts'
import type { User } from '../users/entity.ts'
import { findUser } from '../users/store.ts'
import { mayReset } from '../users/user-state.ts'

/**
 * Finds the user whose password a token or code resets, without consuming it. Null if the token is unknown, or if the account
 * can no longer be reset or has another address now. `isUsed`: the token has set a password before. `expiresIn` is in
 * milliseconds.
 */
export const verifyResetToken = async (
  deps: Parameters<typeof verifyOneTimeToken>[0],
  presented: PresentedToken,
): Promise<{ user: User; emailId: string; isUsed: boolean; expiresIn: number } | null> => {
  const token = await verifyOneTimeToken(deps, 'reset_password', presented)
  const user = token && (await findUser(deps.reads, token.userId))
  if (!user || !mayReset(user, now(deps.clock)) || user.email !== token?.address) return null
  return { user, emailId: token.emailId, isUsed: token.isUsed, expiresIn: token.expiresIn }
}
