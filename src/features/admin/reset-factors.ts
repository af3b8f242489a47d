import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import type { FactorType } from '../../platform/catalog/factors.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { queueEmail, startDelivery } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import { endedActorRefusal } from '../clients/ended-actor-refusal.ts'
import { liveOnly } from '../factors/factor-store.ts'
import { revokeUndoLinks } from '../factors/revoke-undo-links.ts'
import { deleteSessions } from '../sessions/delete-sessions.ts'
import { type User, Users } from '../users/entity.ts'
import { adminChangeRefusal } from '../users/last-admin.ts'

type Needs = Parameters<typeof deleteSessions>[0] & Pick<Deps, 'emails' | 'queue' | 'metrics'>

type Action = { userId: string; actorId: string | null; origin: Origin }

/**
 * Removes every factor of a user who has lost them, permanently. Every session ends, and the owner gets an email. A user
 * without a factor keeps the sessions and gets no email.
 */
export const resetFactors = async (
  deps: Needs,
  action: Action,
): Promise<null | Problem<'NOT_FOUND' | 'FORBIDDEN' | 'INVALID_TOKEN'>> => {
  const reset = await deps.database.transaction(manager => apply(manager, deps, action))
  if (reset instanceof Problem) return reset
  if (reset) {
    for (const type of reset.types) deps.metrics.count(counters.factors_changed, { type, change: 'reset' })
    await startDelivery(deps, [reset.emailId])
    await deleteSessions(deps, action.userId)
  }
  return null
}

const apply = async (manager: EntityManager, deps: Needs, { userId, actorId, origin }: Action) => {
  const refusal = await adminChangeRefusal(manager, { userId, actorId }, {})
  const user = await manager.findOne(Users, { where: { id: userId }, lock: { mode: 'pessimistic_write' } })
  if (!user) return new Problem('NOT_FOUND')
  if (refusal) return refusal
  const ended = await endedActorRefusal(manager, { machineId: origin.machineId })
  if (ended) return ended
  // A factor that a thief has just removed stays, so that the emailed link can restore it.
  if (user.factor_types.length === 0) return null
  const [deleted]: [{ id: string; type: FactorType; is_live: boolean }[], number] = await manager.query(
    `DELETE FROM factors WHERE user_id = $1
      RETURNING id, type, ${liveOnly} AS is_live`,
    [userId],
  )
  const live = deleted.filter(factor => factor.is_live)
  await revokeUndoLinks(manager, deps, user)
  await manager.increment(Users, { id: userId }, 'session_epoch', 1)
  const data = { factor_ids: live.map(factor => factor.id) }
  await recordEvent(manager, { type: 'factors.reset', userId, actorId, origin, data })
  return { types: live.map(factor => factor.type), emailId: await queueNotice(manager, deps, user) }
}

const queueNotice = (
  manager: EntityManager,
  { clock }: Pick<Deps, 'clock'>,
  { id, email, preferred_language }: User,
): Promise<string> =>
  queueEmail(manager, emails.factors_reset, {
    recipient: email,
    userId: id,
    locale: preferred_language ?? 'en',
    data: { time: new Date(now(clock)).toISOString() },
  })
