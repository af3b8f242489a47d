import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { newSecret, secretHash, secretPrefix } from '../../platform/crypto/client-secret.ts'
import { recordEvent } from '../audit/record-event.ts'
import { ClientSecrets } from './entity.ts'
import { lockClient } from './lock-client.ts'
import { type Machine, maxSecrets } from './types.ts'

type Action = { clientId: string; actorId: string | null; origin: Origin; machine?: Machine | null }

type Added = { prefix: string; secret: string; createdAt: Date }

/** Adds a second secret to a client, so that its owner can change to it before the first is dropped. */
export const addClientSecret = async (
  deps: Pick<Deps, 'database'>,
  { clientId, actorId, origin, machine = null }: Action,
): Promise<
  Added | Problem<'NOT_FOUND' | 'INSUFFICIENT_SCOPE' | 'INVALID_TOKEN' | 'FORBIDDEN' | 'SECRET_LIMIT_REACHED'>
> =>
  deps.database.transaction(async manager => {
    const found = await lockClient(manager, clientId, { actorId, machine })
    if (found instanceof Problem) return found
    if (found.secrets.length >= maxSecrets) return new Problem('SECRET_LIMIT_REACHED')
    const secret = newSecret()
    const prefix = secretPrefix(secret)
    await manager.insert(ClientSecrets, { client_id: clientId, prefix, hash: secretHash(secret) })
    const before = found.secrets.map(({ prefix }) => prefix)
    const change = { before: { secrets: before }, after: { secrets: [...before, prefix] } }
    const data = { client_id: clientId, ...change }
    await recordEvent(manager, { type: 'client.secret_added', userId: null, actorId, origin, data })
    const stored = await manager.findOneByOrFail(ClientSecrets, { client_id: clientId, prefix })
    return { prefix, secret, createdAt: stored.created_at }
  })
