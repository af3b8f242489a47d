import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { queueEmail, startDelivery } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import { resetAttemptsAndDevices } from '../lockout/reset-attempts-and-devices.ts'
import { consumeOneTimeToken } from '../one-time-tokens/consume-one-time-token.ts'
import { isEffectCurrent } from '../one-time-tokens/is-effect-current.ts'
import { verifyUndoToken } from '../one-time-tokens/verify-undo-token.ts'
import { deleteSessions } from '../sessions/delete-sessions.ts'
import { type User, Users } from '../users/entity.ts'

type Needs = Parameters<typeof deleteSessions>[0] & Pick<Deps, 'emails' | 'queue' | 'secrets'>

/**
 * Undoes the deletion of an account that is not erased yet. It deletes the password, because an attacker who knows it may
 * have deleted the account and could do so again. An email lets the owner choose a new password.
 *
 * The same token again has no effect and gets the same reply, as long as the account stays restored.
 */
export const undoDeletion = async (
  deps: Needs,
  { token, locale, origin }: { token: string; locale: string; origin: Origin },
): Promise<{ email: string; isRepeat: boolean } | Problem<'INVALID_TOKEN'>> => {
  const undo = await verifyUndoToken(deps, 'undo_deletion', token)
  if (!undo) return new Problem('INVALID_TOKEN')
  const restored = undo.isUsed ? null : await restore(deps, { ...undo, locale, origin })
  if (restored) {
    const { user, resetEmailId } = restored
    await startDelivery(deps, [resetEmailId])
    await deleteSessions(deps, user.id)
    await resetAttemptsAndDevices(deps, user)
    return { email: user.email, isRepeat: false }
  }
  const isCurrent = await isEffectCurrent(deps, 'undo_deletion', undo)
  return isCurrent ? { email: undo.address, isRepeat: true } : new Problem('INVALID_TOKEN')
}

type Restore = { userId: string; emailId: string; locale: string; origin: Origin }

const restore = (
  { database }: Needs,
  { userId, emailId, locale, origin }: Restore,
): Promise<{ user: User; resetEmailId: string } | null> =>
  database.transaction(async manager => {
    if (!(await consumeOneTimeToken(manager, emailId))) return null
    const { raw } = await manager
      .createQueryBuilder()
      .update(Users)
      .set({
        erase_after: null,
        password_hash: null,
        password_proven_at: null,
        session_epoch: () => 'session_epoch + 1',
        updated_at: () => 'now()',
      })
      .where('id = :userId AND erase_after IS NOT NULL', { userId })
      .returning('*')
      .execute()
    const user = raw[0] as User | undefined
    if (!user) return null
    await recordEvent(manager, {
      type: 'user.deletion_undone',
      userId,
      origin,
      data: { after: { erase_after: null } },
    })
    const resetEmailId = await queueEmail(manager, emails.reset_password, {
      recipient: user.email,
      userId,
      locale,
    })
    return { user, resetEmailId }
  })
