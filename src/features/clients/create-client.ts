import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { newClientId, newSecret, secretHash, secretPrefix } from '../../platform/crypto/client-secret.ts'
import { recordEvent } from '../audit/record-event.ts'
import { endedActorRefusal } from './ended-actor-refusal.ts'
import { ClientSecrets, Clients } from './entity.ts'
import { scopeRefusal } from './scope-refusal.ts'
import type { Client, Machine } from './types.ts'

type NewClient = {
  name: string
  scopes: string[]
  actorId: string | null
  origin: Origin
  /** The machine client that creates it; null for an administrator and for a command. */
  machine?: Machine | null
}

/** Creates a machine client with its first secret, which is returned here and stored nowhere. */
export const createClient = async (
  deps: Pick<Deps, 'database'>,
  { name, scopes, actorId, origin, machine = null }: NewClient,
): Promise<
  | { client: Client; prefix: string; secret: string }
  | Problem<'INSUFFICIENT_SCOPE' | 'INVALID_TOKEN' | 'FORBIDDEN'>
> => {
  const refusal = scopeRefusal(machine, scopes)
  if (refusal) return refusal
  const [id, secret] = [newClientId(), newSecret()]
  const prefix = secretPrefix(secret)
  const client = await deps.database.transaction(async manager => {
    const ended = await endedActorRefusal(manager, { actorId, machineId: machine?.id })
    if (ended) return ended
    await manager.insert(Clients, { id, name, scopes })
    await manager.insert(ClientSecrets, { client_id: id, prefix, hash: secretHash(secret) })
    const data = { client_id: id, after: { name, scopes, secrets: [prefix] } }
    await recordEvent(manager, { type: 'client.created', userId: null, actorId, origin, data })
    return manager.findOneByOrFail(Clients, { id })
  })
  return client instanceof Problem ? client : { client, prefix, secret }
}
