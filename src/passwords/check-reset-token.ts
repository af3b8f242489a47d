import { isOpen } from '../accounts/rules.ts'
import { findUser } from '../accounts/store.ts'
import { now } from '../base/clock.ts'
import { Problem } from '../base/problems.ts'
import type { Deps } from '../deps.ts'
import { checkProof, type Presented } from '../proofs/check-proof.ts'

/** Tells whether a reset token or code would do, and until when. Spends nothing but, for a code, one guess. */
export const checkResetToken = async (
  deps: Pick<Deps, 'config' | 'clock' | 'database' | 'redis' | 'keys' | 'secrets'>,
  presented: Presented,
): Promise<{ expiresAt: Date } | Problem<'INVALID_TOKEN'>> => {
  const proof = await checkProof(deps, 'reset_password', presented)
  const user = proof && (await findUser(deps.database, proof.userId))
  if (!user || !isOpen(user) || user.email !== proof?.address) return new Problem('INVALID_TOKEN')
  return { expiresAt: new Date(now(deps.clock) + proof.expiresIn) }
}
