import { v4 as randomUuid } from 'uuid'
import type { Deps } from '../../deps.ts'
import { configuredLimit, limits } from '../../platform/catalog/limits.ts'
import type { CodePurpose } from '../../platform/catalog/token-purposes.ts'
import { codeHash, isTokenOf, readOneTimeToken, tokenHash } from '../../platform/crypto/one-time-token.ts'
import { Emails } from '../../platform/mail/entity.ts'
import { findUserByEmail, findUsersChangingTo } from '../users/store.ts'
import { countWrongCode } from './count-wrong-code.ts'
import { findUsedToken } from './find-used-token.ts'
import { type LiveToken, matchToken } from './store.ts'

/** What a client presents: the token of a link, or the address and the code of the same email. */
export type PresentedToken = { token: string } | { email: string; code: string }

type Needs = Pick<
  Deps,
  | 'config'
  | 'clock'
  | 'log'
  | 'metrics'
  | 'emails'
  | 'database'
  | 'reads'
  | 'redis'
  | 'keys'
  | 'limiter'
  | 'secrets'
>

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
  const compare = async () => matchAny(deps, purpose, await candidatesFor(deps, purpose, presented, ownerId))
  const compared = 'code' in presented ? await countWrongCode(deps, purpose, compare) : await compare()
  const match = compared === 'wrong' ? null : compared
  if ('email' in presented && presented.email !== match?.address) return null
  if ('token' in presented && match && !isDerived(deps, purpose, match.emailId, presented.token)) return null
  const email = match && (await deps.database.getRepository(Emails).findOneBy({ id: match.emailId }))
  if (match && email && !email.proof_spent_at) return { ...match, isUsed: false }
  if (match && email?.proof_used_at) return { ...match, isUsed: true }
  return 'token' in presented ? verifyUsedToken(deps, purpose, presented.token) : null
}

/** A user whom the presented token or code can belong to, and the hashes to compare with theirs. */
type Candidate = { userId: string; by: 'token' | 'code'; hashes: readonly string[]; isOwner: boolean }

/**
 * A token names its user. A code comes with an address: its account, or for `change_email` every user who asked to change to
 * it. An address without an account gets a random user id, so that the same steps run and timing reveals nothing.
 */
const candidatesFor = async (
  deps: Pick<Deps, 'reads' | 'secrets'>,
  purpose: CodePurpose,
  presented: PresentedToken,
  ownerId: string | null,
): Promise<Candidate[]> => {
  if ('token' in presented) {
    const read = readOneTimeToken(presented.token)
    if (!read) return []
    return [{ userId: read.userId, by: 'token', hashes: [tokenHash(read.secret)], isOwner: false }]
  }
  const { email, code } = presented
  const users =
    purpose === 'change_email'
      ? await findUsersChangingTo(deps.reads, email)
      : [await findUserByEmail(deps.reads, email)].filter(user => user !== null)
  // Any user may ask to change to this address, and any client may guess its codes. If the owner's session presents the code,
  // compare only the owner's, with guesses of its own, so that neither can lock the owner out.
  const owner = users.find(({ id }) => id === ownerId)
  const ids = owner ? [owner.id] : users.length > 0 ? users.map(({ id }) => id) : [randomUuid()]
  return ids.map(userId => {
    const hashes = deps.secrets.all.map(({ mail }) => codeHash(mail, userId, purpose, code))
    return { userId, by: 'code', hashes, isOwner: owner !== undefined }
  })
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
