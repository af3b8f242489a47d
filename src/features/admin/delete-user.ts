import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { changesOf } from '../audit/changes.ts'
import { recordEvent } from '../audit/record-event.ts'
import { endedActorRefusal } from '../clients/ended-actor-refusal.ts'
import { revokeUserTokens } from '../one-time-tokens/revoke-user-tokens.ts'
import { deleteSessions } from '../sessions/delete-sessions.ts'
import { Users } from '../users/entity.ts'
import { adminChangeRefusal } from '../users/last-admin.ts'

type Action = { userId: string; actorId: string | null; origin: Origin }

/**
 * Deletes an account permanently: sessions end at once and the next run of the erasure job erases it. No undo link is
 * emailed.
 */
export const deleteUser = async (
  deps: Pick<Deps, 'config' | 'clock' | 'log' | 'emails' | 'database' | 'redis' | 'keys'>,
  { userId, actorId, origin }: Action,
): Promise<null | Problem<'NOT_FOUND' | 'FORBIDDEN' | 'INVALID_TOKEN'>> => {
  const refusal = await deps.database.transaction(async manager => {
    const refusal = await adminChangeRefusal(manager, { userId, actorId }, { is_active: false })
    const user = await manager.findOne(Users, { where: { id: userId }, lock: { mode: 'pessimistic_write' } })
    if (!user) return new Problem('NOT_FOUND')
    if (refusal) return refusal
    const ended = await endedActorRefusal(manager, { machineId: origin.machineId })
    if (ended) return ended
    await manager.update(
      Users,
      { id: userId },
      { erase_after: () => 'now()', session_epoch: () => 'session_epoch + 1', updated_at: () => 'now()' },
    )
    await revokeUserTokens(manager, deps, user, [])
    const after = await manager.findOneByOrFail(Users, { id: userId })
    const data = changesOf(user, after, ['erase_after'])
    await recordEvent(manager, { type: 'user.deleted', userId, actorId, origin, data })
    return null
  })
  if (!refusal) await deleteSessions(deps, userId)
  return refusal
}
