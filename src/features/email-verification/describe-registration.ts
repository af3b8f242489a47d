import { verifyOneTimeToken } from '../one-time-tokens/verify-one-time-token.ts'
import type { Registration } from '../users/find-registration.ts'
import { findUser } from '../users/store.ts'
import { findRejectable } from './find-rejectable.ts'

type Needs = Parameters<typeof verifyOneTimeToken>[0]

/**
 * When and from where the account was registered that this token would verify, for the confirmation page. Returns null if
 * the token is not valid, or the account cannot be rejected. Changes nothing.
 */
export const describeRegistration = async (deps: Needs, token: string): Promise<Registration | null> => {
  const verified = await verifyOneTimeToken(deps, 'verify_email', { token })
  if (!verified || verified.isUsed) return null
  const user = await findUser(deps.reads, verified.userId)
  return user && user.email === verified.address ? findRejectable(deps.database, user) : null
}
