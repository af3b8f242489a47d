import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { PresentedToken } from '../one-time-tokens/verify-one-time-token.ts'
import { verifyResetToken } from './verify-reset-token.ts'

/**
 * Tells whether a reset token or code would set a password, of which account, and until when. Spends nothing but, for a code, one guess. One
 * that has set a password sets no other.
 */
export const checkResetToken = async (
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
): Promise<{ email: string; expiresAt: Date } | Problem<'INVALID_TOKEN'>> => {
  const reset = await verifyResetToken(deps, presented)
  if (!reset || reset.isUsed) return new Problem('INVALID_TOKEN')
  return { email: reset.user.email, expiresAt: new Date(now(deps.clock) + reset.expiresIn) }
}
