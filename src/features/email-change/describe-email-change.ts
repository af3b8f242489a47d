import { verifyOneTimeToken } from '../one-time-tokens/verify-one-time-token.ts'
import { findUser } from '../users/store.ts'

type Needs = Parameters<typeof verifyOneTimeToken>[0]

/**
 * Finds the current address of the account whose email change this token would confirm, for the confirmation page.
 * Returns null if the token is not valid.
 */
export const describeEmailChange = async (
  deps: Needs,
  token: string,
): Promise<{ account: string } | null> => {
  const verified = await verifyOneTimeToken(deps, 'change_email', { token })
  const user = verified && !verified.isUsed && (await findUser(deps.reads, verified.userId))
  return user ? { account: user.email } : null
}
