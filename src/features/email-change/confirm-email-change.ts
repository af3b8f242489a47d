import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { queueEmail, startDelivery } from '../../platform/mail/outbox.ts'
import { hasEmptyAccount } from '../accounts/has-empty-account.ts'
import { changesOf } from '../audit/changes.ts'
import { recordEvent } from '../audit/record-event.ts'
import { removeUnprovenFactors } from '../factors/remove-unproven-factors.ts'
import { consumeOneTimeToken } from '../one-time-tokens/consume-one-time-token.ts'
import { isEffectCurrent } from '../one-time-tokens/is-effect-current.ts'
import { revokeUserTokens } from '../one-time-tokens/revoke-user-tokens.ts'
import { type PresentedToken, verifyOneTimeToken } from '../one-time-tokens/verify-one-time-token.ts'
import { deleteSessions } from '../sessions/delete-sessions.ts'
import { type User, Users } from '../users/entity.ts'
import { isActive } from '../users/user-state.ts'
import { maskEmail } from '../users/view.ts'
import { addressTakenProblem } from './address-taken-problem.ts'

type Needs = Parameters<typeof verifyOneTimeToken>[0] & Pick<Deps, 'queue' | 'userRows'>

/**
 * Changes the address of an account to the one whose mailbox confirms it. If two accounts want the same address, the unique
 * constraint decides at commit. `ownerId` is the user whose session presents the token, if one does.
 *
 * The old address gets a notice with an undo link. An address that was never verified gets none: it may be mistyped, and
 * the link would give the account to the person who owns it.
 *
 * An account that was never verified loses its factors, with its password and sessions: another person may have registered
 * it. An email lets the owner choose a new password.
 *
 * The same token or code again gets the same reply without any further effect, as long as that change is the latest
 * one of the address.
 */
export const confirmEmailChange = async (
  deps: Needs,
  {
    presented,
    ownerId = null,
    origin,
  }: { presented: PresentedToken; ownerId?: string | null; origin: Origin },
): Promise<{ email: string; isRepeat: boolean } | Problem<'INVALID_TOKEN' | 'DUPLICATE_ENTRY'>> => {
  const verified = await verifyOneTimeToken(deps, 'change_email', presented, ownerId)
  if (!verified) return new Problem('INVALID_TOKEN')
  const { address } = verified
  const changed = verified.isUsed
    ? null
    : await changeAddress(deps, { ...verified, origin }).catch(addressTakenProblem)
  if (changed instanceof Problem) return changed
  if (changed) {
    await startDelivery(deps, changed.emailIds)
    if (changed.isClosed) await deleteSessions(deps, verified.userId)
    return { email: address, isRepeat: false }
  }
  const isCurrent = await isEffectCurrent(deps, 'change_email', verified)
  return isCurrent ? { email: address, isRepeat: true } : new Problem('INVALID_TOKEN')
}

type Change = { userId: string; emailId: string; address: string; origin: Origin }

type Changed = { emailIds: string[]; isClosed: boolean }

const changeAddress = (deps: Needs, { userId, emailId, address, origin }: Change): Promise<Changed | null> =>
  deps.database.transaction(async manager => {
    if (!(await consumeOneTimeToken(manager, emailId))) return null
    const before: User | null = await manager.findOne(Users, {
      where: { id: userId },
      lock: { mode: 'pessimistic_write' },
    })
    if (!before || !isActive(before)) return null
    const isClosed = await removeUnprovenFactors(manager, deps, before, origin)
    await manager.update(
      Users,
      { id: userId },
      {
        email: address,
        email_verified: true,
        password_proven_at: null,
        ...(isClosed && { password_hash: null, session_epoch: () => 'session_epoch + 1' }),
        updated_at: () => 'now()',
      },
    )
    await revokeUserTokens(manager, deps, before)
    const notices = before.email_verified ? [await queueNotice(manager, deps, { before, address })] : []
    const resets = isClosed ? [await queueReset(manager, before, address)] : []
    // Events hold no email addresses: the rows of the emails to the new and the old address do.
    const after = { ...before, email_verified: true }
    const data = { email_id: emailId, notice_id: notices[0], ...changesOf(before, after, ['email_verified']) }
    await recordEvent(manager, { type: 'email.changed', userId, origin, data })
    return { emailIds: [...notices, ...resets], isClosed }
  })

const queueReset = (manager: EntityManager, before: User, address: string): Promise<string> =>
  queueEmail(manager, emails.reset_password, {
    recipient: address,
    userId: before.id,
    locale: before.preferred_language ?? 'en',
  })

/** Queues the email that notifies the old address, with a link that undoes the change. Returns its id. */
const queueNotice = async (
  manager: EntityManager,
  deps: Needs,
  { before, address }: { before: User; address: string },
): Promise<string> => {
  const held = (await hasEmptyAccount(manager, before, deps)) ? 'nothing' : 'something'
  return queueEmail(manager, emails.email_changed, {
    recipient: before.email,
    userId: before.id,
    locale: before.preferred_language ?? 'en',
    data: { email: maskEmail(address), held },
  })
}
