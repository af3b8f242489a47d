import { insufficientScope } from '../../platform/catalog/challenges.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Authorize } from '../../platform/http/authorization.ts'
import { takeLimits } from '../../platform/http/limit.ts'
import { authenticateClient } from '../clients/authenticate-client.ts'

/** Authenticates a machine client by its secret, checks its scope, and counts the request in the limits of the route. */
export const authorizeClient: Authorize = async (deps, incoming) => {
  const { route, client } = incoming
  const take = (machineId: string) => takeLimits(deps, route.limits, { client, machineId })
  const authenticated = await authenticateClient(deps, incoming, take)
  if (authenticated instanceof Problem) return { headers: {}, taken: [], outcome: authenticated }
  const { machine, taken } = authenticated
  const { refusal, ...limits } = taken
  if (refusal) return { ...limits, outcome: refusal }
  const isAllowed = route.scope === undefined || machine.scopes.includes(route.scope)
  return { ...limits, outcome: isAllowed ? { machine } : insufficientScope([route.scope ?? ''], 'Basic') }
}
