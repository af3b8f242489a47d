import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { queueEmail, startDelivery } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import { verifyCurrentPassword } from '../lockout/verify-current-password.ts'
import { type User, Users } from '../users/entity.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'database' | 'redis' | 'keys' | 'queue' | 'log' | 'hasher'>
type Request = {
  user: User
  sessionId: string
  password: string
  newEmail: string
  locale: string
  isOverMailLimit?: () => Promise<boolean>
  origin: Origin
}

/**
 * Queues an email to the new address. Nothing changes until it is confirmed. The reply does not reveal whether another
 * account has the address: only the owner of its mailbox can find out.
 *
 * The email is queued only if the session epoch is still the one of the password comparison. Otherwise an attacker who
 * knows the old password could still request the change after a reset.
 */
export const requestEmailChange = async (
  deps: Needs,
  { user, sessionId, password, newEmail, locale, isOverMailLimit, origin }: Request,
): Promise<null | Problem<'INVALID_CURRENT_PASSWORD' | 'RATE_LIMIT_EXCEEDED'>> => {
  const refusal = await verifyCurrentPassword(deps, { user, sessionId, password, origin })
  if (refusal) return refusal
  // Count after the password check: a caller who does not know it must not use up the emails that an address may get.
  const dropped = (await isOverMailLimit?.()) ?? false
  const emailId = await deps.database.transaction(async manager => {
    const where = { id: user.id, session_epoch: user.session_epoch }
    if (!(await manager.findOne(Users, { where, lock: { mode: 'pessimistic_read' } }))) return null
    const email = { recipient: newEmail, userId: user.id, locale, dropped }
    const id = await queueEmail(manager, emails.email_change, email)
    const data = { email_id: id }
    await recordEvent(manager, { type: 'email.change_requested', userId: user.id, sessionId, data, origin })
    return id
  })
  if (!emailId) return new Problem('INVALID_CURRENT_PASSWORD')
  await startDelivery(deps, [emailId])
  return null
}
