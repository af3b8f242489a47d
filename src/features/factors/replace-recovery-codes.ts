import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { startDelivery } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import type { User } from '../users/types.ts'
import { hasFactor } from '../users/user-state.ts'
import { createRecoveryCodes } from './create-recovery-codes.ts'
import { removeFactors } from './factor-store.ts'
import { lockSessionOwner } from './lock-session-owner.ts'
import { queueFactorNotice } from './queue-factor-notice.ts'
import { recoveryCodesName } from './recovery-codes.ts'

type Needs = Parameters<typeof lockSessionOwner>[1] &
  Pick<Deps, 'database' | 'log' | 'metrics' | 'queue' | 'secrets'>

type Replacement = { user: User; sessionId: string; origin: Origin }

/**
 * Replaces the recovery codes of a user by new ones, which are returned here and stored nowhere. The owner gets an email whose
 * link removes the new ones.
 */
export const replaceRecoveryCodes = async (
  deps: Needs,
  { user, sessionId, origin }: Replacement,
): Promise<{ codes: string[] } | Problem<'MFA_ENROLLMENT_REQUIRED' | 'SESSION_REVOKED'>> => {
  const replaced = await deps.database.transaction(async manager => {
    const owner = await lockSessionOwner(manager, deps, { user, sessionId })
    if (!owner) return new Problem('SESSION_REVOKED')
    if (!hasFactor(owner)) return new Problem('MFA_ENROLLMENT_REQUIRED')
    await removeFactors(manager, user.id, { type: 'recovery_codes' })
    const { factorId, codes } = await createRecoveryCodes(manager, deps, user.id)
    const data = { factor_id: factorId }
    await recordEvent(manager, { type: 'recovery_codes.replaced', userId: user.id, sessionId, origin, data })
    const factor = { id: factorId, type: 'recovery_codes', name: recoveryCodesName } as const
    const notice = { user: owner, kind: 'factor_added', factor, origin } as const
    return { codes, emailId: await queueFactorNotice(manager, deps, notice) }
  })
  if (replaced instanceof Problem) return replaced
  deps.metrics.count(counters.factors_changed, { type: 'recovery_codes', change: 'replaced' })
  await startDelivery(deps, [replaced.emailId])
  return { codes: replaced.codes }
}
