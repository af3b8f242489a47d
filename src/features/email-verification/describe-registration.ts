import { verifyOneTimeToken } from '../one-time-tokens/verify-one-time-token.ts'
import type { Registration } from '../users/find-registration.ts'
import { findUser } from '../users/store.ts'
import { findRejectable } from './find-rejectable.ts'

type Needs = Parameters<typeof verifyOneTimeToken>[0]

/**
 * When and from where the account was made that the token of a verification email would confirm, for the page that asks.
 * Null where the token is not good, or the account is not one to reject. Changes nothing.
 */
export const describeRegistration = async (deps: Needs, token: string): Promise<Registration | null> => {
  const proof = await verifyOneTimeToken(deps, 'verify_email', { token })
  if (!proof || proof.isUsed) return null
  const user = await findUser(deps.reads, proof.userId)
  return user && user.email === proof.address ? findRejectable(deps.database, user) : null
}
