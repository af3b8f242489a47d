import type { EntityManager } from 'typeorm'
import { Problem } from '../../platform/catalog/problems.ts'
import { endedActorRefusal } from './ended-actor-refusal.ts'
import { ClientSecrets, Clients } from './entity.ts'
import { scopeRefusal } from './scope-refusal.ts'
import type { Client, ClientSecret, Machine } from './types.ts'

/**
 * Locks a live client in a transaction and reads its secrets, so that two requests at once cannot leave it with three.
 * Refuses a machine client that lacks one of its scopes.
 */
export const lockClient = async (
  manager: EntityManager,
  id: string,
  { actorId, machine }: { actorId: string | null; machine: Machine | null },
): Promise<
  | { client: Client; secrets: ClientSecret[] }
  | Problem<'NOT_FOUND' | 'INSUFFICIENT_SCOPE' | 'INVALID_TOKEN' | 'FORBIDDEN'>
> => {
  const endedAdmin = await endedActorRefusal(manager, { actorId })
  if (endedAdmin) return endedAdmin
  // Both rows in the order of their ids: two clients that change each other at once would otherwise deadlock.
  const ids = machine ? [id, machine.id] : [id]
  await manager.query('SELECT FROM clients WHERE id = ANY($1) ORDER BY id FOR UPDATE', [ids])
  const endedMachine = await endedActorRefusal(manager, { machineId: machine?.id })
  if (endedMachine) return endedMachine
  const client = await manager.findOneBy(Clients, { id })
  if (!client || client.revoked_at) return new Problem('NOT_FOUND')
  const refusal = scopeRefusal(machine, client.scopes)
  if (refusal) return refusal
  const secrets = await manager.find(ClientSecrets, {
    where: { client_id: id },
    order: { created_at: 'ASC', prefix: 'ASC' },
  })
  return { client, secrets }
}
