import type { Deps } from '../../deps.ts'
import { wrongPasswords } from '../../platform/catalog/limits.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { PasswordCounter } from './attempt-counter.ts'
import { countAttempt, refundAttempt } from './store.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'redis' | 'keys' | 'hasher'>

type Comparison = {
  password: string
  hash: string | null
  counter: PasswordCounter
  inUse?: readonly string[]
}

/**
 * Counts an attempt, then compares the password with the hash. Takes the same path, and so the same time, where the counter
 * has reached its limit and where `hash` is null because there is no account. `inUse` is for `hasher.compare`.
 */
export const comparePassword = async (
  deps: Needs,
  { password, hash, counter, inUse = [] }: Comparison,
): Promise<{ matches: boolean; needsRehash: boolean } | Problem<'RATE_LIMIT_EXCEEDED'>> => {
  const options = { lane: counter.lane, inUse }
  if (deps.config.RATE_LIMITS === 'off') return deps.hasher.compare(password, hash, options)
  const { id, inRow, wait } = await countAttempt(deps, counter)
  if (wait > 0) return new Problem('RATE_LIMIT_EXCEEDED', { retryAfter: Math.ceil(wait / 1000) })
  const compared = deps.hasher.compare(password, inRow > wrongPasswords.atMost ? null : hash, options)
  return compared.catch(async error => {
    // A full hash queue must not count as a wrong password, or the retry of an honest user would be rate limited.
    await refundAttempt(deps, counter, id)
    throw error
  })
}
