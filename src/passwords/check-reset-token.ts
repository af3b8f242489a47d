import { now } from '../base/clock.ts'
import { Problem } from '../base/problems.ts'
import type { Deps } from '../deps.ts'
import type { Presented } from '../proofs/check-proof.ts'
import { findReset } from './find-reset.ts'

/**
 * Tells whether a reset token or code would set a password, of which account, and until when. Spends nothing but, for a code, one guess. One
 * that has set a password sets no other.
 */
export const checkResetToken = async (
  deps: Pick<
    Deps,
    'config' | 'clock' | 'log' | 'metrics' | 'database' | 'redis' | 'keys' | 'limiter' | 'secrets'
  >,
  presented: Presented,
): Promise<{ email: string; expiresAt: Date } | Problem<'INVALID_TOKEN'>> => {
  const reset = await findReset(deps, presented)
  if (!reset || reset.isUsed) return new Problem('INVALID_TOKEN')
  return { email: reset.user.email, expiresAt: new Date(now(deps.clock) + reset.expiresIn) }
}
