import { v4 as randomUuid } from 'uuid'
import type { Deps } from '../../deps.ts'
import { defaultLimits } from '../../platform/catalog/limits.ts'
import type { CodePurpose } from '../../platform/catalog/token-purposes.ts'
import { codeHash, readOneTimeToken, tokenHash } from '../../platform/crypto/one-time-token.ts'
import { Emails } from '../../platform/mail/entity.ts'
import { findPendingMoves, findUserByEmail } from '../users/store.ts'
import { countWrongCode } from './count-wrong-code.ts'
import { findUsedToken } from './find-used-token.ts'
import { type LiveToken, matchToken } from './store.ts'

/** What a client presents: the token of a link, or the address and the code of the same mail. */
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

type Found = LiveToken & { userId: string }

/** `isUsed`: it did its work before. Whether that still stands is for `isEffectCurrent` to say. */
type Checked = Found & { isUsed: boolean }

/**
 * Finds the proof that this belongs to, without spending it; null where there is none, it has expired or was made void.
 * An address without an account is looked up under an id that nobody has, by the same steps. `ownerId` is the user whose
 * session presents it, if one does.
 */
export const verifyOneTimeToken = async (
  deps: Needs,
  purpose: CodePurpose,
  presented: PresentedToken,
  ownerId: string | null = null,
): Promise<Checked | null> => {
  const compare = async () => match(deps, purpose, await locate(deps, purpose, presented, ownerId))
  const compared = 'code' in presented ? await countWrongCode(deps, purpose, compare) : await compare()
  const found = compared === 'wrong' ? null : compared
  if ('email' in presented && presented.email !== found?.address) return null
  const email = found && (await deps.database.getRepository(Emails).findOneBy({ id: found.emailId }))
  if (found && email && !email.proof_spent_at) return { ...found, isUsed: false }
  if (found && email?.proof_used_at) return { ...found, isUsed: true }
  return 'token' in presented ? usedBefore(deps, purpose, presented.token) : null
}

/** 'wrong' where there was something live to compare with, and nothing matched. */
const match = async (
  deps: Needs,
  purpose: CodePurpose,
  located: readonly Located[],
): Promise<Found | 'wrong' | null> => {
  const matched = await Promise.all(
    located.map(async ({ userId, ...rest }) => {
      const proof = await matchToken(deps, { userId, purpose }, { ...rest, ...guessesIn(deps) })
      return proof === null || proof === 'wrong' ? proof : { ...proof, userId }
    }),
  )
  const found = matched.find(proof => proof !== null && proof !== 'wrong')
  return found ?? (matched.includes('wrong') ? 'wrong' : null)
}

const usedBefore = async (deps: Needs, purpose: CodePurpose, token: string): Promise<Checked | null> => {
  const read = readOneTimeToken(token)
  const used = read && (await findUsedToken(deps, purpose, read))
  return used && { ...used, userId: read.userId, isUsed: true }
}

const guessesIn = ({ config }: Pick<Deps, 'config'>) => {
  const { code, code_day } = config.RATE_LIMITS === 'off' ? defaultLimits : config.RATE_LIMITS
  return { guesses: code.points, guessesInAll: code_day.points, window: code_day.window }
}

type Located = { userId: string; by: 'token' | 'code'; hash: string; isOwner: boolean }

const locate = async (
  deps: Pick<Deps, 'reads' | 'secrets'>,
  purpose: CodePurpose,
  presented: PresentedToken,
  ownerId: string | null,
): Promise<Located[]> => {
  if ('token' in presented) {
    const read = readOneTimeToken(presented.token)
    return read ? [{ userId: read.userId, by: 'token', hash: tokenHash(read.secret), isOwner: false }] : []
  }
  const { email, code } = presented
  const found =
    purpose === 'change_email'
      ? await findPendingMoves(deps.reads, email)
      : [await findUserByEmail(deps.reads, email)].filter(user => user !== null)
  // Anybody may ask to move to this address, and guess at its codes. The owner's session presents its own code, and
  // neither can put that out of use.
  const own = found.find(({ id }) => id === ownerId)
  const ids = own ? [own.id] : found.length > 0 ? found.map(({ id }) => id) : [randomUuid()]
  return ids.map(userId => {
    const hash = codeHash(deps.secrets.mail, userId, purpose, code)
    return { userId, by: 'code', hash, isOwner: own !== undefined }
  })
}
