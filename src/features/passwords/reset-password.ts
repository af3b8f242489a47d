import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { startDelivery } from '../../platform/mail/outbox.ts'
import { changesOf } from '../audit/changes.ts'
import { recordEvent } from '../audit/record-event.ts'
import { rememberDevice } from '../devices/remember-device.ts'
import { removeUnprovenFactors } from '../factors/remove-unproven-factors.ts'
import { resetAttemptsAndDevices } from '../lockout/reset-attempts-and-devices.ts'
import { consumeOneTimeToken } from '../one-time-tokens/consume-one-time-token.ts'
import { revokeEmptyUndoTokens } from '../one-time-tokens/revoke-empty-undo-tokens.ts'
import { revokeUserTokens } from '../one-time-tokens/revoke-user-tokens.ts'
import type { PresentedToken } from '../one-time-tokens/verify-one-time-token.ts'
import { deleteSessions } from '../sessions/delete-sessions.ts'
import { type User, Users } from '../users/entity.ts'
import { updateModuleRows } from '../users/update-module-rows.ts'
import { isRepeatedReset } from './is-repeated-reset.ts'
import { queuePasswordNotice } from './queue-password-notice.ts'
import { validateNewPassword } from './validate-new-password.ts'
import { verifyResetToken } from './verify-reset-token.ts'

type Needs = Parameters<typeof verifyResetToken>[0] &
  Parameters<typeof validateNewPassword>[0] &
  Pick<Deps, 'queue' | 'hasher' | 'userRows'>

type Reset = { presented: PresentedToken; newPassword: string; origin: Origin & { network: string } }

/**
 * Sets a new password with a token or code that was emailed to the account. It ends every session and a pending email
 * change, and revokes the other emailed tokens. Undo tokens stay valid, except for an email change before which the account
 * held nothing, and for a deletion that this reset has undone.
 *
 * It marks the address as verified, and gives the user the module rows that wait for the owner of the mailbox. It restores a
 * deleted account: only emails with `inactiveAccounts` send a reset link to one.
 *
 * If the address was not verified before, another person may have added the factors, so they are removed. A verified user
 * keeps them, and still needs them to sign in.
 *
 * It starts no session, but the device of the request becomes the only known device. The same token with the same password
 * again has no effect and gets the same reply, as long as that password is current.
 */
export const resetPassword = async (
  deps: Needs,
  { presented, newPassword, origin }: Reset,
): Promise<{ isRepeat: boolean } | Problem<'INVALID_TOKEN' | 'VALIDATION_ERROR'>> => {
  const reset = await verifyResetToken(deps, presented)
  if (!reset) return new Problem('INVALID_TOKEN')
  const { user, emailId } = reset
  if (!reset.isUsed) {
    const weak = validateNewPassword(deps, user, newPassword, 'new_password')
    if (weak) return weak
    const hash = await deps.hasher.hash(newPassword, { lane: 'known' })
    const notice = await replacePassword(deps, user, emailId, hash, origin)
    if (notice) {
      await startDelivery(deps, [notice])
      await deleteSessions(deps, user.id)
      await resetAttemptsAndDevices(deps, user)
      await rememberDevice(deps, user.id, origin)
      return { isRepeat: false }
    }
  }
  const isRepeat = await isRepeatedReset(deps, { userId: user.id, emailId, password: newPassword })
  return isRepeat ? { isRepeat } : new Problem('INVALID_TOKEN')
}

const replacePassword = (
  deps: Needs,
  user: User,
  emailId: string,
  hash: string,
  origin: Origin,
): Promise<string | null> =>
  deps.database.transaction(async manager => {
    if (!(await consumeOneTimeToken(manager, emailId))) return null
    await removeUnprovenFactors(manager, deps, user, origin)
    const { affected } = await manager
      .createQueryBuilder()
      .update(Users)
      .set({
        password_hash: hash,
        email_verified: true,
        session_epoch: () => 'session_epoch + 1',
        failed_logins: 0,
        last_password_change_at: () => 'now()',
        password_proven_at: () => 'now()',
        updated_at: () => 'now()',
        erase_after: null,
      })
      .where(
        'id = :id AND email = :email AND is_active AND (erase_after IS NULL OR erase_after > now())',
        user,
      )
      .execute()
    if (affected !== 1) return null
    const isRestored = user.erase_after !== null
    await revokeUserTokens(manager, deps, user, isRestored ? ['undo_email_change', 'undo_factor'] : undefined)
    await revokeEmptyUndoTokens(manager, user.id)
    const after = { ...user, email_verified: true, erase_after: null }
    const rows = await updateModuleRows(manager, deps, 'claim', [user.id, user.email])
    const data = { ...changesOf(user, after, ['email_verified', 'erase_after']), ...rows }
    await recordEvent(manager, { type: 'password.reset', userId: user.id, origin, data })
    if (isRestored) await recordEvent(manager, { type: 'user.deletion_undone', userId: user.id, origin })
    return queuePasswordNotice(manager, deps, { user, origin })
  })
