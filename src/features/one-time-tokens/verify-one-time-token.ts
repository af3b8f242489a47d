import type { Deps } from '../../deps.ts'
import { configuredLimit, limits } from '../../platform/catalog/limits.ts'
import type { CodePurpose } from '../../platform/catalog/token-purposes.ts'
import { isTokenOf, readOneTimeToken } from '../../platform/crypto/one-time-token.ts'
import { Emails } from '../../platform/mail/entity.ts'
import { countWrongCode } from './count-wrong-code.ts'
import { type Candidate, findCandidates, type PresentedToken } from './find-candidates.ts'
import { findUsedToken } from './find-used-token.ts'
import { type LiveToken, matchToken } from './store.ts'

export type { PresentedToken } from './find-candidates.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'log' | 'metrics' | 'emails' | 'database' | 'reads'> &
  Pick<Deps, 'redis' | 'keys' | 'limiter' | 'secrets'>

type Match = LiveToken & { userId: string }

/** `isUsed`: the token was consumed before. `isEffectCurrent` then tells whether its effect still stands. */
type VerifiedToken = Match & { isUsed: boolean }

/**
 * Verifies the token or the code of an email without consuming it. Returns null if it is unknown, expired or revoked.
 * `ownerId` is the user whose session presents it, if one does.
 *
 * 1. Redis holds the hashes of live tokens: compare with those of each user whom the token or code can belong to. The hash of
 *    a token is not keyed, so check too that a secret of APP_SECRET derives it: no link outlives its secret.
 * 2. Postgres has the final word: the row of the email says whether the token was revoked or used.
 * 3. A token that Redis no longer holds may have been used before: then its email is looked up in Postgres.
 */
export const verifyOneTimeToken = async (
  deps: Needs,
  purpose: CodePurpose,
  presented: PresentedToken,
  ownerId: string | null = null,
): Promise<VerifiedToken | null> => {
  const compare = async () => matchAny(deps, purpose, await findCandidates(deps, purpose, presented, ownerId))
  const compared = 'code' in presented ? await countWrongCode(deps, purpose, compare) : await compare()
  const match = compared === 'wrong' ? null : compared
  if ('email' in presented && presented.email !== match?.address) return null
  if ('token' in presented && match && !isDerived(deps, purpose, match.emailId, presented.token)) return null
  const email = match && (await deps.database.getRepository(Emails).findOneBy({ id: match.emailId }))
  if (match && email && !email.proof_spent_at) return { ...match, isUsed: false }
  if (match && email?.proof_used_at) return { ...match, isUsed: true }
  return 'token' in presented ? verifyUsedToken(deps, purpose, presented.token) : null
}

/** Returns 'wrong' if a candidate has a live token and none of them matches, null if there is nothing to compare with. */
const matchAny = async (
  deps: Needs,
  purpose: CodePurpose,
  candidates: readonly Candidate[],
): Promise<Match | 'wrong' | null> => {
  const results = await Promise.all(
    candidates.map(async ({ userId, ...rest }) => {
      const result = await matchToken(deps, { userId, purpose }, { ...rest, ...guessLimits(deps) })
      return result === null || result === 'wrong' ? result : { ...result, userId }
    }),
  )
  const match = results.find(result => result !== null && result !== 'wrong')
  return match ?? (results.includes('wrong') ? 'wrong' : null)
}

const isDerived = (
  { secrets }: Pick<Deps, 'secrets'>,
  purpose: CodePurpose,
  emailId: string,
  token: string,
): boolean => {
  const read = readOneTimeToken(token)
  return read !== null && isTokenOf(secrets, { purpose, emailId }, read.secret)
}

const guessLimits = ({ config }: Pick<Deps, 'config'>) => {
  const code = configuredLimit(config.RATE_LIMITS, limits.code)
  const { points, window } = configuredLimit(config.RATE_LIMITS, limits.code_day)
  return { perCode: code.points, perWindow: points, window }
}

const verifyUsedToken = async (
  deps: Needs,
  purpose: CodePurpose,
  token: string,
): Promise<VerifiedToken | null> => {
  const read = readOneTimeToken(token)
  const used = read && (await findUsedToken(deps, purpose, read))
  return used && { ...used, userId: read.userId, isUsed: true }
}
