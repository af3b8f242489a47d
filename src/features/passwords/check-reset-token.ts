import { now } from '../../platform/base/clock.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { PresentedToken } from '../one-time-tokens/verify-one-time-token.ts'
import { verifyResetToken } from './verify-reset-token.ts'

/**
 * Checks whether a reset token or code can still set a password, without consuming it. Returns the address of its account
 * and its expiry. A wrong code counts as a guess.
 */
export const checkResetToken = async (
  deps: Parameters<typeof verifyResetToken>[0],
  presented: PresentedToken,
): Promise<{ email: string; expiresAt: Date } | Problem<'INVALID_TOKEN'>> => {
  const reset = await verifyResetToken(deps, presented)
  if (!reset || reset.isUsed) return new Problem('INVALID_TOKEN')
  return { email: reset.user.email, expiresAt: new Date(now(deps.clock) + reset.expiresIn) }
}
