import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { startDelivery } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import { deleteSessions } from '../sessions/delete-sessions.ts'
import type { SessionState } from '../sessions/types.ts'
import { type User, Users } from '../users/entity.ts'
import { hasFactor } from '../users/user-state.ts'
import { continueSession } from './continue-session.ts'
import { findFactor, removeFactors } from './factor-store.ts'
import { lockSessionOwner } from './lock-session-owner.ts'
import { queueFactorNotice } from './queue-factor-notice.ts'

type Needs = Parameters<typeof deleteSessions>[0] & Pick<Deps, 'queue' | 'reads' | 'metrics'>

type Removal = { user: User; sessionId: string; session: SessionState; id: string; origin: Origin }

/**
 * Removes a factor of a user, and with the last one the recovery codes, which would replace nothing. The other sessions of the
 * user end: a thief who has the lost device may have signed in with it. The owner gets an email with a link that undoes it.
 */
export const removeFactor = async (
  deps: Needs,
  { user, sessionId, session, id, origin }: Removal,
): Promise<null | Problem<'FORBIDDEN' | 'NOT_FOUND' | 'SESSION_REVOKED'>> => {
  const removed = await deps.database.transaction(async manager => {
    const owner = await lockSessionOwner(manager, deps, { user, sessionId })
    if (!owner) return new Problem('SESSION_REVOKED')
    const factor = await findFactor(manager, user.id, id)
    if (!factor) return new Problem('NOT_FOUND')
    if (factor.type === 'recovery_codes') return new Problem('FORBIDDEN', { detail: 'recovery_codes' })
    await removeFactors(manager, user.id, { id })
    const alsoIds = await removeLoneRecoveryCodes(manager, user.id)
    await manager.increment(Users, { id: user.id }, 'session_epoch', 1)
    const data = { factor_id: id, before: { type: factor.type, name: factor.name } }
    await recordEvent(manager, { type: 'factor.removed', userId: user.id, sessionId, origin, data })
    const notice = { user: owner, kind: 'factor_removed', factor, alsoIds, origin } as const
    return { owner, factor, emailId: await queueFactorNotice(manager, deps, notice) }
  })
  if (removed instanceof Problem) return removed
  deps.metrics.count(counters.factors_changed, { type: removed.factor.type, change: 'removed' })
  const { authTime, amr } = session
  await continueSession(deps, { user: removed.owner, sessionId, authTime, amr })
  await deleteSessions(deps, user.id, 'session')
  await startDelivery(deps, [removed.emailId])
  return null
}

const removeLoneRecoveryCodes = async (manager: EntityManager, userId: string): Promise<string[]> => {
  const user = await manager.findOneBy(Users, { id: userId })
  if (user && hasFactor(user)) return []
  return (await removeFactors(manager, userId, { type: 'recovery_codes' })).map(({ id }) => id)
}
