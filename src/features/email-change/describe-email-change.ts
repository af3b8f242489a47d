import { verifyOneTimeToken } from '../one-time-tokens/verify-one-time-token.ts'
import { findUser } from '../users/store.ts'

type Needs = Parameters<typeof verifyOneTimeToken>[0]

/**
 * The address of the account that the token of a confirmation would move, for the page that asks. Null where the token is
 * not good. Changes nothing.
 */
export const describeEmailChange = async (
  deps: Needs,
  token: string,
): Promise<{ account: string } | null> => {
  const proof = await verifyOneTimeToken(deps, 'change_email', { token })
  const user = proof && !proof.isUsed && (await findUser(deps.reads, proof.userId))
  return user ? { account: user.email } : null
}
