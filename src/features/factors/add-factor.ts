import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { startDelivery } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import { resetOtherDevices } from '../devices/reset-other-devices.ts'
import { type Amr, combineAmr } from '../sessions/authentication.ts'
import { deleteSessions } from '../sessions/delete-sessions.ts'
import type { SessionState } from '../sessions/types.ts'
import { type User, Users } from '../users/entity.ts'
import { continueSession } from './continue-session.ts'
import { createRecoveryCodes } from './create-recovery-codes.ts'
import { lockSessionOwner } from './lock-session-owner.ts'
import { queueFactorNotice } from './queue-factor-notice.ts'
import type { Factor } from './types.ts'

type Needs = Parameters<typeof deleteSessions>[0] & Pick<Deps, 'queue' | 'reads' | 'secrets' | 'metrics'>

type Addition<P extends Problem> = {
  user: User
  sessionId: string
  session: SessionState
  /** How the user has just proved the factor. */
  amr: readonly Amr[]
  /** Confirms or inserts the factor, in the transaction. */
  put: (manager: EntityManager) => Promise<Factor | P>
  origin: Origin & { network: string }
}

type Added = { factor: Factor; recoveryCodes: string[] | null }

/**
 * Adds a factor that the user of a session has just proved. That counts as an authentication: this session gets a second
 * factor, and the user's other sessions end, because they began without it. With the first factor of a type, other devices
 * become unknown for the same reason.
 *
 * A user without recovery codes gets them. The owner gets an email with a link that undoes it.
 */
export const addFactor = async <P extends Problem>(
  deps: Needs,
  { user, sessionId, session, amr, put, origin }: Addition<P>,
): Promise<Added | P | Problem<'SESSION_REVOKED'>> => {
  const added = await deps.database.transaction(async manager => {
    const owner = await lockSessionOwner(manager, deps, { user, sessionId })
    if (!owner) return new Problem('SESSION_REVOKED')
    const factor = await put(manager)
    if (factor instanceof Problem) return factor
    const hasCodes = owner.factor_types.includes('recovery_codes')
    const recovery = hasCodes ? null : await createRecoveryCodes(manager, deps, user.id)
    await manager.increment(Users, { id: user.id }, 'session_epoch', 1)
    const data = { factor_id: factor.id, after: { type: factor.type, name: factor.name } }
    await recordEvent(manager, { type: 'factor.added', userId: user.id, sessionId, origin, data })
    const alsoIds = recovery ? [recovery.factorId] : []
    const notice = { user: owner, kind: 'factor_added', factor, alsoIds, origin } as const
    const emailId = await queueFactorNotice(manager, deps, notice)
    const isFirst = !owner.factor_types.includes(factor.type)
    return { owner, factor, isFirst, recoveryCodes: recovery?.codes ?? null, emailId }
  })
  if (added instanceof Problem) return added
  deps.metrics.count(counters.factors_changed, { type: added.factor.type, change: 'added' })
  const authenticated = { authTime: now(deps.clock), amr: combineAmr(session.amr, amr) }
  await continueSession(deps, { user: added.owner, sessionId, ...authenticated })
  await deleteSessions(deps, user.id, 'session')
  if (added.isFirst) await resetOtherDevices(deps, user.id, origin)
  await startDelivery(deps, [added.emailId])
  return { factor: added.factor, recoveryCodes: added.recoveryCodes }
}
