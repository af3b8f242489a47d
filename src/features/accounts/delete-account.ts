import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { queueEmail, startDelivery } from '../../platform/mail/outbox.ts'
import { changesOf } from '../audit/changes.ts'
import { recordEvent } from '../audit/record-event.ts'
import { verifyCurrentPassword } from '../lockout/verify-current-password.ts'
import { revokeUserTokens } from '../one-time-tokens/revoke-user-tokens.ts'
import { deleteSessions } from '../sessions/delete-sessions.ts'
import { type User, Users } from '../users/entity.ts'
import { adminChangeRefusal } from '../users/last-admin.ts'

type Needs = Parameters<typeof verifyCurrentPassword>[0] &
  Parameters<typeof deleteSessions>[0] &
  Pick<Deps, 'emails' | 'queue'>

type Request = { user: User; sessionId: string; password: string; origin: Origin }

/**
 * Deletes the account of a user at their request, but not that of the last administrator. Sessions end at once, and the row
 * is erased after `ACCOUNT_ERASURE_DELAY`. Until then, an emailed link undoes the deletion.
 */
export const deleteAccount = async (
  deps: Needs,
  { user, sessionId, password, origin }: Request,
): Promise<null | Problem<
  'INVALID_CURRENT_PASSWORD' | 'RATE_LIMIT_EXCEEDED' | 'SESSION_REVOKED' | 'FORBIDDEN'
>> => {
  const refusal = await verifyCurrentPassword(deps, { user, sessionId, password, origin })
  if (refusal) return refusal
  const emailId = await markDeleted(deps, user, { origin })
  if (emailId instanceof Problem) return emailId
  await startDelivery(deps, [emailId])
  await deleteSessions(deps, user.id)
  return null
}

// The user must still be in the epoch in which the session was checked. Otherwise an attacker who knows the old password
// could delete the account after a concurrent password reset.
const markDeleted = (
  deps: Needs,
  user: User,
  { origin }: { origin: Origin },
): Promise<string | Problem<'SESSION_REVOKED' | 'FORBIDDEN'>> =>
  deps.database.transaction(async manager => {
    const isAdmin = user.roles.includes('admin')
    const change = { userId: user.id, actorId: null }
    const refusal = isAdmin ? await adminChangeRefusal(manager, change, { is_active: false }) : null
    if (refusal) return refusal
    const { raw } = await manager
      .createQueryBuilder()
      .update(Users)
      .set({
        erase_after: () => `now() + interval '${deps.config.ACCOUNT_ERASURE_DELAY} milliseconds'`,
        session_epoch: () => 'session_epoch + 1',
        updated_at: () => 'now()',
      })
      .where('id = :id AND session_epoch = :epoch AND erase_after IS NULL', {
        id: user.id,
        epoch: user.session_epoch,
      })
      .returning('*')
      .execute()
    const deleted = raw[0] as User | undefined
    if (!deleted) return new Problem('SESSION_REVOKED')
    await revokeUserTokens(manager, deps, deleted)
    const data = changesOf(user, deleted, ['erase_after'])
    await recordEvent(manager, { type: 'user.deleted', userId: deleted.id, origin, data })
    return queueEmail(manager, emails.account_deleted, {
      recipient: deleted.email,
      userId: deleted.id,
      locale: deleted.preferred_language ?? 'en',
    })
  })
