import type { User } from '../accounts/entity.ts'
import { isOpen } from '../accounts/rules.ts'
import { findUser } from '../accounts/store.ts'
import type { Deps } from '../deps.ts'
import { checkProof, type Presented } from '../proofs/check-proof.ts'

/**
 * Finds whose password a token or code resets, without spending it; null where there is nobody: no such proof, an account
 * that is closed, or one that has moved to another address since. `isUsed`: the proof has set a password before.
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
  if (!user || !isOpen(user) || user.email !== proof?.address) return null
  return { user, emailId: proof.emailId, isUsed: proof.isUsed, expiresIn: proof.expiresIn }
}
