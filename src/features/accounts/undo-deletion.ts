import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { enqueueEmails, queueEmail } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import { resetAttempts } from '../lockout/reset-attempts.ts'
import { consumeOneTimeToken } from '../one-time-tokens/consume-one-time-token.ts'
import { isEffectCurrent } from '../one-time-tokens/is-effect-current.ts'
import { verifyUndoToken } from '../one-time-tokens/verify-undo-token.ts'
import { type User, Users } from '../users/entity.ts'

type Needs = Pick<Deps, 'clock' | 'log' | 'emails' | 'database' | 'redis' | 'keys' | 'queue' | 'secrets'>

/**
 * Undoes the deletion of an account that is not erased yet. Whoever deleted it knew the password, and may be a thief who
 * would delete it again: so the password is closed, and an email lets the owner choose a new one. The same token again
 * gets the same answer, and does nothing more, while the account stays open by it.
 */
export const undoDeletion = async (
  deps: Needs,
  { token, locale, origin }: { token: string; locale: string; origin: Origin },
): Promise<{ email: string; isRepeat: boolean } | Problem<'INVALID_TOKEN'>> => {
  const undo = await verifyUndoToken(deps, 'account_deleted', token)
  if (!undo) return new Problem('INVALID_TOKEN')
  const reopened = undo.isUsed ? null : await reopen(deps, { ...undo, locale, origin })
  if (reopened) {
    const { user, mail } = reopened
    await enqueueEmails(deps, [mail])
    await resetAttempts(deps, user)
    return { email: user.email, isRepeat: false }
  }
  const stands = await isEffectCurrent(deps, 'undo_deletion', undo)
  return stands ? { email: undo.address, isRepeat: true } : new Problem('INVALID_TOKEN')
}

type Reopen = { userId: string; emailId: string; locale: string; origin: Origin }

const reopen = (
  { database }: Needs,
  { userId, emailId, locale, origin }: Reopen,
): Promise<{ user: User; mail: string } | null> =>
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
    const mail = await queueEmail(manager, emails.reset_password, { recipient: user.email, userId, locale })
    return { user, mail }
  })
