import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { undoPurposes } from '../../platform/catalog/token-purposes.ts'
import { Emails } from '../../platform/mail/entity.ts'
import { queueEmail, startDelivery } from '../../platform/mail/outbox.ts'
import { IsNull, Not } from '../../platform/postgres/typeorm.ts'
import { recordEvent } from '../audit/record-event.ts'
import { resetOtherDevices } from '../devices/reset-other-devices.ts'
import { resetAttemptsAndDevices } from '../lockout/reset-attempts-and-devices.ts'
import { consumeOneTimeToken } from '../one-time-tokens/consume-one-time-token.ts'
import { revokeLaterUndoTokens } from '../one-time-tokens/revoke-later-undo-tokens.ts'
import { revokeUserTokens } from '../one-time-tokens/revoke-user-tokens.ts'
import { type UndoEmail, verifyUndoToken } from '../one-time-tokens/verify-undo-token.ts'
import { deleteSessions } from '../sessions/delete-sessions.ts'
import { Users } from '../users/entity.ts'
import { restoreFactors } from './restore-factors.ts'
import { type RevertedFactor, revertFactorChanges } from './revert-factor-changes.ts'

type Needs = Parameters<typeof deleteSessions>[0] & Pick<Deps, 'emails' | 'queue' | 'secrets' | 'metrics'>

type Undone = { factors: RevertedFactor[]; resetEmailId: string | null }

/**
 * Undoes what an email about a factor reports. Every session ends.
 *
 * - An added factor is removed permanently. A thief who has added it may have changed other factors since, so these changes are
 *   reverted, and the password is removed. An email lets the owner choose a new one.
 * - After a use of a recovery code, the rest of its set is removed permanently, and the same follows.
 * - A removed factor is restored, and devices that signed in without it become unknown. The password stays, and so does a link
 *   to reset it: the undo of another change may just have sent it.
 *
 * The link works while the account has the address that it was emailed to: it must not change the factors of someone who has
 * the account now. The same token again has no effect and gets the same reply.
 */
export const undoFactor = async (
  deps: Needs,
  { token, locale, origin }: { token: string; locale: string; origin: Origin & { network: string } },
): Promise<{ isRepeat: boolean } | Problem<'INVALID_TOKEN'>> => {
  const undo = await verifyUndoToken(deps, 'undo_factor', token)
  const undone =
    undo && (await deps.database.transaction(manager => apply(manager, deps, { ...undo, locale, origin })))
  if (!undone) return new Problem('INVALID_TOKEN')
  if (undone === 'repeat') return { isRepeat: true }
  for (const { type, change } of undone.factors)
    deps.metrics.count(counters.factors_changed, { type, change })
  if (undone.resetEmailId) await startDelivery(deps, [undone.resetEmailId])
  await deleteSessions(deps, undo.userId)
  if (undone.resetEmailId) await resetAttemptsAndDevices(deps, { id: undo.userId, email: undo.address })
  else await resetOtherDevices(deps, undo.userId, origin)
  return { isRepeat: false }
}

const apply = async (
  manager: EntityManager,
  deps: Needs,
  undo: UndoEmail & { locale: string; origin: Origin },
): Promise<Undone | 'repeat' | null> => {
  const { userId, emailId, address, locale, origin } = undo
  const where = { id: userId, email: address }
  const user = await manager.findOne(Users, { where, lock: { mode: 'pessimistic_write' } })
  if (!user) return null
  if (!(await consumeOneTimeToken(manager, emailId))) {
    const isUsed = await manager.existsBy(Emails, { id: emailId, proof_used_at: Not(IsNull()) })
    return isUsed ? 'repeat' : null
  }
  const closesPassword = undo.kind !== 'factor_removed'
  const factors = closesPassword ? await revert(manager, undo) : await restore(manager, undo)
  await manager.update(
    Users,
    { id: userId },
    {
      ...(closesPassword && { password_hash: null, password_proven_at: null }),
      session_epoch: () => 'session_epoch + 1',
      updated_at: () => 'now()',
    },
  )
  await revokeUserTokens(
    manager,
    deps,
    user,
    closesPassword ? undefined : [...undoPurposes, 'reset_password'],
  )
  if (closesPassword) await revokeLaterUndoTokens(manager, deps, { userId, emailId }, ['undo_factor'])
  const data = { email_id: emailId, factor_ids: factors.map(factor => factor.id) }
  await recordEvent(manager, { type: 'factor.undone', userId, origin, data })
  const reset = { recipient: address, userId, locale }
  return {
    factors,
    resetEmailId: closesPassword ? await queueEmail(manager, emails.reset_password, reset) : null,
  }
}

const idsOf = ({ data }: UndoEmail): string[] => (data.factor_ids ?? '').split(' ').filter(Boolean)

const restore = async (manager: EntityManager, undo: UndoEmail): Promise<RevertedFactor[]> => {
  const restored = await restoreFactors(manager, undo.userId, { ids: idsOf(undo) })
  return restored.map(factor => ({ ...factor, change: 'restored' }))
}

// The factors of the email are deleted by their ids: a set of recovery codes is older than the email about its use.
const revert = async (manager: EntityManager, undo: UndoEmail): Promise<RevertedFactor[]> => {
  const [removed]: [Omit<RevertedFactor, 'change'>[], number] = await manager.query(
    'DELETE FROM factors WHERE user_id = $1 AND id = ANY($2::uuid[]) RETURNING id, type',
    [undo.userId, idsOf(undo)],
  )
  const later = await revertFactorChanges(manager, undo.userId, undo.createdAt)
  return [...removed.map(factor => ({ ...factor, change: 'removed' as const })), ...later]
}
