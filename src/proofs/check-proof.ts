import { IsNull } from 'typeorm'
import { v4 as randomUuid } from 'uuid'
import { findPendingMoves, findUserByEmail } from '../accounts/store.ts'
import type { ProofPurpose } from '../base/emails.ts'
import { defaultLimits } from '../base/limits.ts'
import { codeHash, readProofToken, tokenHash } from '../crypto/proof.ts'
import type { Deps } from '../deps.ts'
import { Emails } from '../mail/entity.ts'
import { type LiveProof, matchProof } from './store.ts'

/** What a client presents: the token of a link, or the address and the code of the same mail. */
export type Presented = { token: string } | { email: string; code: string }

type Needs = Pick<Deps, 'config' | 'clock' | 'database' | 'redis' | 'keys' | 'secrets'>

type Checked = LiveProof & { userId: string; purpose: ProofPurpose }

/**
 * Finds the live proof that this belongs to, without spending it; null where there is none. An address without
 * an account is looked up under an id that nobody has, by the same steps.
 */
export const checkProof = async (
  deps: Needs,
  purpose: ProofPurpose,
  presented: Presented,
): Promise<Checked | null> => {
  for (const { userId, by, hash } of await locate(deps, purpose, presented)) {
    const proof = await matchProof(deps, { userId, purpose }, { by, hash, ...guessesIn(deps) })
    const stands =
      proof &&
      (await deps.database.getRepository(Emails).existsBy({ id: proof.emailId, proof_spent_at: IsNull() }))
    if (stands) return { ...proof, userId, purpose }
  }
  return null
}

const guessesIn = ({ config }: Pick<Deps, 'config'>) => {
  const { code, code_day } = config.RATE_LIMITS === 'off' ? defaultLimits : config.RATE_LIMITS
  return { guesses: code.points, guessesInAll: code_day.points, window: code_day.window }
}

type Located = { userId: string; by: 'token' | 'code'; hash: string }

const locate = async (
  deps: Pick<Deps, 'database' | 'secrets'>,
  purpose: ProofPurpose,
  presented: Presented,
): Promise<Located[]> => {
  if ('token' in presented) {
    const read = readProofToken(presented.token)
    return read ? [{ userId: read.userId, by: 'token', hash: tokenHash(read.secret) }] : []
  }
  const { email, code } = presented
  // Several may have asked to move to one address: whoever did so last must not put the code of another out of use.
  const found =
    purpose === 'change_email'
      ? await findPendingMoves(deps.database, email)
      : [await findUserByEmail(deps.database, email)]
  return (found.length > 0 ? found : [null]).map(user => {
    const userId = user?.id ?? randomUuid()
    return { userId, by: 'code', hash: codeHash(deps.secrets.mail, userId, purpose, code) }
  })
}
