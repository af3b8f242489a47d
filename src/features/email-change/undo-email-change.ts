import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { queueEmail, startDelivery } from '../../platform/mail/outbox.ts'
import { changesOf } from '../audit/changes.ts'
import { recordEvent } from '../audit/record-event.ts'
import { revertFactorChanges } from '../factors/revert-factor-changes.ts'
import { resetAttemptsAndDevices } from '../lockout/reset-attempts-and-devices.ts'
import { consumeOneTimeToken } from '../one-time-tokens/consume-one-time-token.ts'
import { isEffectCurrent } from '../one-time-tokens/is-effect-current.ts'
import { revokeLaterUndoTokens } from '../one-time-tokens/revoke-later-undo-tokens.ts'
import { revokeUserTokens } from '../one-time-tokens/revoke-user-tokens.ts'
import { type UndoEmail, verifyUndoToken } from '../one-time-tokens/verify-undo-token.ts'
import { deleteSessions } from '../sessions/delete-sessions.ts'
import { type User, Users } from '../users/entity.ts'
import { updateModuleRows } from '../users/update-module-rows.ts'
import { maskEmail } from '../users/view.ts'
import { addressTakenProblem } from './address-taken-problem.ts'
import { evictUnverifiedAccount } from './evict-unverified-account.ts'

type Needs = Parameters<typeof deleteSessions>[0] & Pick<Deps, 'emails' | 'queue' | 'secrets' | 'userRows'>

/**
 * Gives an account its former address back, even if it was deleted meanwhile. A thief who changed the address knew the
 * password, so the password is removed too: every session ends, and an email lets the owner choose a new one. Factors that
 * were added meanwhile are removed, and those that were removed meanwhile are restored.
 *
 * The address that loses the account is notified. The same token again gets the same reply without any further effect, as
 * long as this undo is the latest change of the address.
 */
export const undoEmailChange = async (
  deps: Needs,
  { token, locale, origin }: { token: string; locale: string; origin: Origin },
): Promise<{ email: string; isRepeat: boolean } | Problem<'INVALID_TOKEN' | 'DUPLICATE_ENTRY'>> => {
  const undo = await verifyUndoToken(deps, 'undo_email_change', token)
  if (!undo) return new Problem('INVALID_TOKEN')
  const { userId, address } = undo
  const restored = undo.isUsed
    ? null
    : await restore(deps, { ...undo, locale, origin }).catch(addressTakenProblem)
  if (restored instanceof Problem) return restored
  if (restored) {
    await startDelivery(deps, restored.emailIds)
    await deleteSessions(deps, userId)
    if (restored.evictedId !== null) await deleteSessions(deps, restored.evictedId)
    await resetAttemptsAndDevices(deps, { id: userId, email: address })
    return { email: address, isRepeat: false }
  }
  const isCurrent = await isEffectCurrent(deps, 'undo_email_change', undo)
  return isCurrent ? { email: address, isRepeat: true } : new Problem('INVALID_TOKEN')
}

type Restore = UndoEmail & { locale: string; origin: Origin }

const restore = (
  deps: Needs,
  { userId, emailId, address, createdAt, locale, origin }: Restore,
): Promise<{ emailIds: string[]; evictedId: string | null } | null> =>
  deps.database.transaction(async manager => {
    if (!(await consumeOneTimeToken(manager, emailId))) return null
    const before = await manager.findOne(Users, {
      where: { id: userId },
      lock: { mode: 'pessimistic_write' },
    })
    if (!before) return null
    const released = await updateModuleRows(manager, deps, 'release', [userId, before.email])
    const evictedId = await evictUnverifiedAccount(manager, deps, {
      email: address,
      restoredId: userId,
      origin,
    })
    await manager.update(
      Users,
      { id: userId },
      {
        email: address,
        email_verified: true,
        password_hash: null,
        password_proven_at: null,
        erase_after: null,
        session_epoch: () => 'session_epoch + 1',
        updated_at: () => 'now()',
      },
    )
    const reverted = await revertFactorChanges(manager, userId, createdAt)
    const claimed = await updateModuleRows(manager, deps, 'claim', [userId, address])
    await revokeUserTokens(manager, deps, before)
    await revokeLaterUndoTokens(manager, deps, { userId, emailId })
    const after = { ...before, email_verified: true, erase_after: null }
    const changes = changesOf(before, after, ['email_verified', 'erase_after'])
    const factors = reverted.length > 0 && { factor_ids: reverted.map(factor => factor.id) }
    const data = { email_id: emailId, ...changes, ...released, ...claimed, ...factors }
    await recordEvent(manager, { type: 'email.change_undone', userId, origin, data })
    const reset = await queueEmail(manager, emails.reset_password, { recipient: address, userId, locale })
    if (before.email === address) return { emailIds: [reset], evictedId }
    const notice = await queueUndoneNotice(manager, deps, before, { address, origin })
    return { emailIds: [reset, notice], evictedId }
  })

/** Queues the email that notifies the address that loses the account. Returns its id. */
const queueUndoneNotice = (
  manager: EntityManager,
  { clock }: Pick<Deps, 'clock'>,
  before: User,
  { address, origin }: { address: string; origin: Origin },
): Promise<string> =>
  queueEmail(manager, emails.email_change_undone, {
    recipient: before.email,
    userId: before.id,
    locale: before.preferred_language ?? 'en',
    data: {
      email: maskEmail(address),
      time: new Date(now(clock)).toISOString(),
      ip: origin.ip,
      device: origin.userAgent,
    },
  })
