import { v4 as randomUuid } from 'uuid'
import { findUserByEmail } from '../accounts/store.ts'
import type { ProofPurpose } from '../base/emails.ts'
import { defaultLimits } from '../base/limits.ts'
import { codeHash, readProofToken, tokenHash } from '../crypto/proof.ts'
import type { Deps } from '../deps.ts'
import { type LiveProof, matchProof } from './store.ts'

/** What a client presents: the token of a link, or the address and the code of the same mail. */
export type Presented = { token: string } | { email: string; code: string }

type Checked = LiveProof & { userId: string; purpose: ProofPurpose }

/**
 * Finds the live proof that this belongs to, without spending it; null where there is none. An address without
 * an account is looked up under an id that nobody has, by the same steps.
 */
export const checkProof = async (
  deps: Pick<Deps, 'config' | 'clock' | 'database' | 'redis' | 'keys' | 'secrets'>,
  purpose: ProofPurpose,
  presented: Presented,
): Promise<Checked | null> => {
  const located = await locate(deps, purpose, presented)
  if (!located) return null
  const { userId, by, hash } = located
  const limits = deps.config.RATE_LIMITS === 'off' ? defaultLimits : deps.config.RATE_LIMITS
  const proof = await matchProof(deps, { userId, purpose }, { by, hash, guesses: limits.code.points })
  return proof && { ...proof, userId, purpose }
}

const locate = async (
  deps: Pick<Deps, 'database' | 'secrets'>,
  purpose: ProofPurpose,
  presented: Presented,
): Promise<{ userId: string; by: 'token' | 'code'; hash: string } | null> => {
  if ('token' in presented) {
    const read = readProofToken(presented.token)
    return read && { userId: read.userId, by: 'token', hash: tokenHash(read.secret) }
  }
  const user = await findUserByEmail(deps.database, presented.email)
  const userId = user?.id ?? randomUuid()
  return { userId, by: 'code', hash: codeHash(deps.secrets.mail, userId, purpose, presented.code) }
}
