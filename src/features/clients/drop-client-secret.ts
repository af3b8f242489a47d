import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { recordEvent } from '../audit/record-event.ts'
import { ClientSecrets } from './entity.ts'
import { lockClient } from './lock-client.ts'
import type { Machine } from './types.ts'

type Action = {
  clientId: string
  prefix: string
  actorId: string | null
  origin: Origin
  machine?: Machine | null
}

/**
 * Drops a secret at once. The last one may be dropped too: the client of a leaked secret must not keep it until a new one is
 * in place. Tokens that were issued before live until they expire.
 */
export const dropClientSecret = async (
  deps: Pick<Deps, 'database'>,
  { clientId, prefix, actorId, origin, machine = null }: Action,
): Promise<null | Problem<'NOT_FOUND' | 'INSUFFICIENT_SCOPE' | 'INVALID_TOKEN' | 'FORBIDDEN'>> =>
  deps.database.transaction(async manager => {
    const found = await lockClient(manager, clientId, { actorId, machine })
    if (found instanceof Problem) return found
    const before = found.secrets.map(secret => secret.prefix)
    if (!before.includes(prefix)) return new Problem('NOT_FOUND')
    await manager.delete(ClientSecrets, { client_id: clientId, prefix })
    const after = before.filter(each => each !== prefix)
    const data = { client_id: clientId, before: { secrets: before }, after: { secrets: after } }
    await recordEvent(manager, { type: 'client.secret_dropped', userId: null, actorId, origin, data })
    return null
  })
