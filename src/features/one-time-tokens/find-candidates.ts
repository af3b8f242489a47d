import { v4 as randomUuid } from 'uuid'
import type { Deps } from '../../deps.ts'
import type { CodePurpose } from '../../platform/catalog/token-purposes.ts'
import { codeHash, readOneTimeToken, tokenHash } from '../../platform/crypto/one-time-token.ts'
import { findUserByEmail, findUsersChangingTo } from '../users/store.ts'

/** What a client presents: the token of a link, or the address and the code of the same email. */
export type PresentedToken = { token: string } | { email: string; code: string }

/** A user whom the presented token or code can belong to, and the hashes to compare with theirs. */
export type Candidate = { userId: string; by: 'token' | 'code'; hashes: readonly string[]; isOwner: boolean }

/**
 * A token names its user. A code comes with an address: its account, or for `change_email` every user who asked to change to
 * it. An address without an account gets a random user id, so that the same steps run and timing reveals nothing.
 */
export const findCandidates = async (
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
