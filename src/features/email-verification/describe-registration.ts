import { verifyOneTimeToken } from '../one-time-tokens/verify-one-time-token.ts'
import type { Registration } from '../users/find-registration.ts'
import { findUser } from '../users/store.ts'
import { findRejectable } from './find-rejectable.ts'

type Needs = Parameters<typeof verifyOneTimeToken>[0]

/**
 * Finds when and from where the account of a verification token was registered, for the confirmation page. Returns null
 * if the token is not valid, or if the account cannot be rejected.
 */
export const describeRegistration = async (deps: Needs, token: string): Promise<Registration | null> => {
  const verified = await verifyOneTimeToken(deps, 'verify_email', { token })
  if (!verified || verified.isUsed) return null
  const user = await findUser(deps.reads, verified.userId)
  return user && user.email === verified.address ? findRejectable(deps.database, user) : null
}
