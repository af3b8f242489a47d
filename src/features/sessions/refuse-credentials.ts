import type { Deps } from '../../deps.ts'
import { limits } from '../../platform/catalog/limits.ts'
import type { Problem } from '../../platform/catalog/problems.ts'
import type { AuthResult, IncomingRequest } from '../../platform/http/authorization.ts'
import { takeLimits } from '../../platform/http/limit.ts'

/**
 * Rejects invalid credentials. It counts them by IP address, so that guessing tokens is rate limited too. A proxy asks for
 * all its clients from one address: there, one client with invalid tokens would use up the points of all others.
 */
export const refuseCredentials = async (
  deps: Pick<Deps, 'limiter'>,
  { client, route }: IncomingRequest,
  problem: Problem,
): Promise<AuthResult> => {
  if (route.forProxies) return { headers: {}, taken: [], outcome: problem }
  const { refusal, ...counted } = await takeLimits(deps, [limits.anonymous], { client })
  return { ...counted, outcome: refusal ?? problem }
}
