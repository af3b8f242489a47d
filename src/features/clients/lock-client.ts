import type { EntityManager } from 'typeorm'
import { Problem } from '../../platform/catalog/problems.ts'
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
  machine: Machine | null,
): Promise<{ client: Client; secrets: ClientSecret[] } | Problem<'NOT_FOUND' | 'INSUFFICIENT_SCOPE'>> => {
  const client = await manager.findOne(Clients, { where: { id }, lock: { mode: 'pessimistic_write' } })
  if (!client || client.revoked_at) return new Problem('NOT_FOUND')
  const refusal = scopeRefusal(machine, client.scopes)
  if (refusal) return refusal
  const secrets = await manager.find(ClientSecrets, {
    where: { client_id: id },
    order: { created_at: 'ASC', prefix: 'ASC' },
  })
  return { client, secrets }
}
