import type { Deps } from '../../deps.ts'
import { limits } from '../../platform/catalog/limits.ts'
import type { Problem } from '../../platform/catalog/problems.ts'
import type { AuthResult, IncomingRequest } from '../../platform/http/authorization.ts'
import { takeLimits } from '../../platform/http/limit.ts'

/** Rejects invalid credentials. It counts them by IP address, so that guessing tokens is rate limited too. */
export const refuseCredentials = async (
  deps: Pick<Deps, 'limiter'>,
  { client }: IncomingRequest,
  problem: Problem,
): Promise<AuthResult> => {
  const { refusal, ...counted } = await takeLimits(deps, [limits.anonymous], { client })
  return { ...counted, outcome: refusal ?? problem }
}
