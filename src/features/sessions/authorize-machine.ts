import type { Deps } from '../../deps.ts'
import { insufficientScope } from '../../platform/catalog/insufficient-scope.ts'
import { limits } from '../../platform/catalog/limits.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { AuthResult, IncomingRequest } from '../../platform/http/authorization.ts'
import { challenge } from '../../platform/http/bearer.ts'
import { takeLimits } from '../../platform/http/limit.ts'
import { checkMachine } from '../clients/check-machine.ts'
import type { ClaimedMachine } from './authenticate.ts'
import type { Actor } from './route.ts'

/**
 * Admits a machine token to a route of administrators whose scope it has. Its client is looked up in Postgres, so that it is
 * refused as soon as the client is revoked or loses the scope.
 */
export const authorizeMachine = async (
  deps: Deps,
  { route, client }: IncomingRequest,
  claimed: ClaimedMachine,
): Promise<AuthResult> => {
  const counted = takeLimits(deps, [limits.machine], { client, machineId: claimed.clientId })
  const [{ refusal, ...taken }, machine] = await Promise.all([counted, checkMachine(deps, claimed)])
  if (refusal) return { ...taken, outcome: refusal }
  if (!machine) return { ...taken, outcome: new Problem('INVALID_TOKEN', challenge('invalid_token')) }
  const { scope = '' } = route
  if (!machine.scopes.includes(scope)) return { ...taken, outcome: insufficientScope([scope]) }
  const { ip, userAgent } = client
  const actor: Actor = { actorId: null, origin: { ip, userAgent, machineId: machine.id } }
  return { ...taken, outcome: { actor, machine } }
}
