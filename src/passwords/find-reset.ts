import type { User } from '../accounts/entity.ts'
import { findUser } from '../accounts/store.ts'
import { now } from '../base/clock.ts'
import type { Deps } from '../deps.ts'
import { checkProof, type Presented } from '../proofs/check-proof.ts'
import { mayReset } from '../proofs/rules.ts'

/**
 * Finds whose password a token or code resets, without spending it; null where there is nobody: no such proof, an account
 * that is closed for good, or one that has moved to another address since. `isUsed`: the proof has set a password before.
 * `expiresIn` in milliseconds.
 */
export const findReset = async (
  deps: Pick<
    Deps,
    'config' | 'clock' | 'log' | 'metrics' | 'database' | 'redis' | 'keys' | 'limiter' | 'secrets'
  >,
  presented: Presented,
): Promise<{ user: User; emailId: string; isUsed: boolean; expiresIn: number } | null> => {
  const proof = await checkProof(deps, 'reset_password', presented)
  const user = proof && (await findUser(deps.database, proof.userId))
  if (!user || !mayReset(user, now(deps.clock)) || user.email !== proof?.address) return null
  return { user, emailId: proof.emailId, isUsed: proof.isUsed, expiresIn: proof.expiresIn }
}
