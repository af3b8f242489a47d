import type { Deps } from '../../deps.ts'
import { limits } from '../../platform/catalog/limits.ts'
import { isEffectCurrent } from '../one-time-tokens/is-effect-current.ts'
import { findUser } from '../users/store.ts'

type Needs = Pick<Deps, 'emails' | 'database' | 'reads' | 'hasher' | 'limiter'>

/**
 * Whether a client that lost the reply repeats its reset: the token or code was used, and set this very password, which is
 * still current. An attacker who holds a used token could guess the password here, so wrong passwords are limited. Each is
 * counted before it is compared, and a right one is refunded.
 */
export const isRepeatedReset = async (
  deps: Needs,
  { userId, emailId, password }: { userId: string; emailId: string; password: string },
): Promise<boolean> => {
  if (!(await isEffectCurrent(deps, 'reset_password', { userId, emailId }))) return false
  const taken = await deps.limiter(limits.repeat, emailId)
  if (taken && !taken.allowed) return false
  const user = await findUser(deps.reads, userId)
  const { matches } = await deps.hasher.compare(password, user?.password_hash ?? null, { lane: 'known' })
  if (matches) await taken?.refund()
  return matches
}
