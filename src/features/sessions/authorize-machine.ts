import type { Deps } from '../../deps.ts'
import { insufficientScope } from '../../platform/catalog/challenges.ts'
import { limits } from '../../platform/catalog/limits.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { AuthResult, IncomingRequest } from '../../platform/http/authorization.ts'
import type { ClaimedMachine } from './authenticate.ts'
import { authenticateMachine } from './authenticate-machine.ts'
import type { Actor } from './route.ts'

/** Admits a machine token to a route of administrators, if the client still has the scope of the route. */
export const authorizeMachine = async (
  deps: Deps,
  incoming: IncomingRequest,
  claimed: ClaimedMachine,
): Promise<AuthResult> => {
  const { outcome: machine, ...taken } = await authenticateMachine(deps, incoming, claimed, limits.machine)
  if (machine instanceof Problem) return { ...taken, outcome: machine }
  const { scope = '' } = incoming.route
  if (!machine.scopes.includes(scope)) return { ...taken, outcome: insufficientScope([scope]) }
  const { ip, userAgent } = incoming.client
  const actor: Actor = { actorId: null, origin: { ip, userAgent, machineId: machine.id } }
  return { ...taken, outcome: { actor, machine } }
}
