import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import type { AuditType } from '../../platform/catalog/audit-events.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { changesOf } from '../audit/changes.ts'
import { recordEvent } from '../audit/record-event.ts'
import { endedActorRefusal } from '../clients/ended-actor-refusal.ts'
import { revokeUserTokens } from '../one-time-tokens/revoke-user-tokens.ts'
import { deleteSessions } from '../sessions/delete-sessions.ts'
import { type User, Users } from '../users/entity.ts'
import { adminChangeRefusal } from '../users/last-admin.ts'
import type { Role } from '../users/types.ts'

export type UserChange = { is_active?: boolean; roles?: Role[] }

type Action = { userId: string; actorId: string | null; origin: Origin }

/**
 * Changes the state or the roles of a user. A deactivation and a change of roles end every session at once, because access
 * tokens carry the roles. The last administrator cannot be removed, and only a user with a verified address can become an
 * administrator.
 */
export const updateUser = async (
  deps: Pick<Deps, 'config' | 'clock' | 'log' | 'emails' | 'database' | 'redis' | 'keys'>,
  { change, ...act }: Action & { change: UserChange },
): Promise<User | Problem<'NOT_FOUND' | 'FORBIDDEN' | 'EMAIL_NOT_VERIFIED' | 'INVALID_TOKEN'>> => {
  const updated = await deps.database.transaction(manager => apply(manager, deps, change, act))
  if (updated instanceof Problem) return updated
  if (updated.endsSessions) await deleteSessions(deps, act.userId)
  return updated.user
}

const apply = async (
  manager: EntityManager,
  deps: Pick<Deps, 'emails'>,
  change: UserChange,
  { userId, actorId, origin }: Action,
) => {
  const refusal = await adminChangeRefusal(manager, { userId, actorId }, change)
  const before = await manager.findOne(Users, { where: { id: userId }, lock: { mode: 'pessimistic_write' } })
  if (!before) return new Problem('NOT_FOUND')
  if (refusal) return refusal
  const ended = await endedActorRefusal(manager, { machineId: origin.machineId })
  if (ended) return ended
  const isPromotion = change.roles?.includes('admin') && !before.roles.includes('admin')
  if (isPromotion && !before.email_verified) return new Problem('EMAIL_NOT_VERIFIED', { detail: 'promotion' })

  const events = eventsOf(before, change)
  const endsSessions = events.some(type => type !== 'user.activated')
  await manager.update(
    Users,
    { id: userId },
    {
      ...change,
      updated_at: () => 'now()',
      ...(endsSessions && { session_epoch: () => 'session_epoch + 1' }),
    },
  )
  if (change.is_active === false) await revokeUserTokens(manager, deps, before)
  const user = await manager.findOneByOrFail(Users, { id: userId })
  for (const type of events) {
    const data = changesOf(before, user, [type === 'user.roles_changed' ? 'roles' : 'is_active'])
    await recordEvent(manager, { type, userId, actorId, origin, data })
  }
  return { user, endsSessions }
}

const eventsOf = (before: User, { is_active, roles }: UserChange): AuditType[] => {
  const events: AuditType[] = []
  if (is_active !== undefined && is_active !== before.is_active)
    events.push(is_active ? 'user.activated' : 'user.deactivated')
  if (roles && [...roles].sort().join() !== [...before.roles].sort().join()) events.push('user.roles_changed')
  return events
}
