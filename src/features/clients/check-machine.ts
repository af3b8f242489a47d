import type { Deps } from '../../deps.ts'
import { noteUse } from './note-use.ts'
import { findClient } from './store.ts'
import type { Machine } from './types.ts'

type Needs = Pick<Deps, 'clock' | 'log' | 'database' | 'reads'>

/**
 * Checks that the client of a genuine machine token exists and is not revoked, so that a revocation has effect at once at
 * every instance. The scopes are those of the token that the client still has. Returns null for a client that has ended.
 */
export const checkMachine = async (
  deps: Needs,
  { clientId, scope }: { clientId: string; scope: string },
): Promise<Machine | null> => {
  const client = await findClient(deps.reads, clientId)
  if (!client || client.revoked_at) return null
  noteUse(deps, client)
  const scopes = scope.split(' ').filter(each => client.scopes.includes(each))
  return { id: client.id, name: client.name, scopes }
}
