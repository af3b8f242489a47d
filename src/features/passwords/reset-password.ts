import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { enqueueEmails } from '../../platform/mail/outbox.ts'
import { changesOf } from '../audit/changes.ts'
import { recordEvent } from '../audit/record-event.ts'
import { rememberDevice } from '../devices/remember-device.ts'
import { resetAttempts } from '../lockout/reset-attempts.ts'
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

type Needs = Pick<
  Deps,
  | 'config'
  | 'userRows'
  | 'clock'
  | 'log'
  | 'metrics'
  | 'emails'
  | 'database'
  | 'reads'
  | 'redis'
  | 'keys'
  | 'queue'
  | 'secrets'
  | 'hasher'
  | 'checkPassword'
  | 'limiter'
>

type Reset = { presented: PresentedToken; newPassword: string; origin: Origin & { network: string } }

/**
 * Sets a new password for whoever holds the mailbox. What stood before falls with it: sessions, a pending change of
 * address, mailed proofs but an owner's ways back to an account that held something. The address counts as verified. It signs nobody in, but the device that
 * presented the token or code becomes a known one, and the only one. The account gets the rows of modules that wait for its
 * mailbox. An account that its owner has deleted is open again: only the email about a purchase brings a link to one. The
 * same token and the same password again get the same answer, and do nothing more, while that password stands.
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
      await enqueueEmails(deps, [notice])
      await deleteSessions(deps, user.id)
      await resetAttempts(deps, user)
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
    const isReopened = user.erase_after !== null
    await revokeUserTokens(manager, deps, user, isReopened ? ['undo_email_change'] : undefined)
    await revokeEmptyUndoTokens(manager, user.id)
    const after = { ...user, email_verified: true, erase_after: null }
    const rows = await updateModuleRows(manager, deps, 'claim', [user.id, user.email])
    const data = { ...changesOf(user, after, ['email_verified', 'erase_after']), ...rows }
    await recordEvent(manager, { type: 'password.reset', userId: user.id, origin, data })
    if (isReopened) await recordEvent(manager, { type: 'user.deletion_undone', userId: user.id, origin })
    return queuePasswordNotice(manager, deps, { user, origin })
  })
