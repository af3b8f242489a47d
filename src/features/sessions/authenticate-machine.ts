import type { Deps } from '../../deps.ts'
import { challenge } from '../../platform/catalog/challenges.ts'
import type { Limit } from '../../platform/catalog/limits.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { AuthResult, IncomingRequest } from '../../platform/http/authorization.ts'
import { takeLimits } from '../../platform/http/limit.ts'
import { checkMachine } from '../clients/check-machine.ts'
import type { Machine } from '../clients/types.ts'
import type { ClaimedMachine } from './authenticate.ts'

/**
 * Checks a machine token and counts it in a limit of its client. The client is looked up in Postgres, so that the token is
 * refused as soon as the client is revoked.
 */
export const authenticateMachine = async (
  deps: Deps,
  { client }: IncomingRequest,
  claimed: ClaimedMachine,
  limit: Limit,
): Promise<Pick<AuthResult, 'headers' | 'taken'> & { outcome: Machine | Problem }> => {
  const counted = takeLimits(deps, [limit], { client, machineId: claimed.clientId })
  const [{ refusal, ...taken }, machine] = await Promise.all([counted, checkMachine(deps, claimed)])
  if (refusal) return { ...taken, outcome: refusal }
  return { ...taken, outcome: machine ?? new Problem('INVALID_TOKEN', challenge('invalid_token')) }
}
