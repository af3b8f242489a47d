import type { Deps } from '../../deps.ts'
import { wrongPasswords } from '../../platform/catalog/limits.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Budget } from './rules.ts'
import { countAttempt, refundAttempt } from './store.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'redis' | 'keys' | 'hasher'>

type Comparison = { password: string; hash: string | null; budget: Budget; inUse?: readonly string[] }

/**
 * Compares a password with a hash, at the price of an attempt that is taken before. A budget that is used up takes the
 * same path as a wrong password; so does null, for an account that is not there. `inUse` is for `hasher.compare`.
 */
export const comparePassword = async (
  deps: Needs,
  { password, hash, budget, inUse = [] }: Comparison,
): Promise<{ matches: boolean; needsRehash: boolean } | Problem<'RATE_LIMIT_EXCEEDED'>> => {
  const options = { lane: budget.lane, inUse }
  if (deps.config.RATE_LIMITS === 'off') return deps.hasher.compare(password, hash, options)
  const { id, inRow, wait } = await countAttempt(deps, budget)
  if (wait > 0) return new Problem('RATE_LIMIT_EXCEEDED', { retryAfter: Math.ceil(wait / 1000) })
  const compared = deps.hasher.compare(password, inRow > wrongPasswords.atMost ? null : hash, options)
  return compared.catch(async error => {
    // Whoever comes again when the threads are free is not to be held up for it.
    await refundAttempt(deps, budget, id)
    throw error
  })
}
