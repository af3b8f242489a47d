import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { recordEvent } from '../audit/record-event.ts'
import { refuseTokens } from '../revocations/refuse-tokens.ts'
import { ClientSecrets, Clients } from './entity.ts'
import { lockClient } from './lock-client.ts'
import type { Machine } from './types.ts'

type Action = { clientId: string; actorId: string | null; origin: Origin; machine?: Machine | null }

/** Revokes a client permanently: its secrets and tokens are refused at once. Its row stays, as audit events name it. */
export const revokeClient = async (
  deps: Parameters<typeof refuseTokens>[0] & Pick<Deps, 'database'>,
  { clientId, actorId, origin, machine = null }: Action,
): Promise<null | Problem<'NOT_FOUND' | 'INSUFFICIENT_SCOPE' | 'INVALID_TOKEN' | 'FORBIDDEN'>> => {
  const refusal = await deps.database.transaction(async manager => {
    const found = await lockClient(manager, clientId, { actorId, machine })
    if (found instanceof Problem) return found
    await manager.update(Clients, { id: clientId }, { revoked_at: () => 'now()' })
    await manager.delete(ClientSecrets, { client_id: clientId })
    const before = { secrets: found.secrets.map(({ prefix }) => prefix), revoked: false }
    const data = { client_id: clientId, before, after: { secrets: [], revoked: true } }
    await recordEvent(manager, { type: 'client.revoked', userId: null, actorId, origin, data })
    return null
  })
  if (!refusal) await refuseTokens(deps, clientId)
  return refusal
}
