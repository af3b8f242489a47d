import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { enqueueEmails, queueEmail } from '../../platform/mail/outbox.ts'
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
 * Owes a mail to the new address. Nothing changes until that confirms, and whether the address is somebody's already
 * is not said here: only its mailbox can find out. What was compared must still stand: after a reset that came
 * meanwhile, whoever knows the old password moves nothing.
 */
export const requestEmailChange = async (
  deps: Needs,
  { user, sessionId, password, newEmail, locale, isOverMailLimit, origin }: Request,
): Promise<null | Problem<'INVALID_CURRENT_PASSWORD' | 'RATE_LIMIT_EXCEEDED'>> => {
  const refusal = await verifyCurrentPassword(deps, { user, sessionId, password, origin })
  if (refusal) return refusal
  // After the password: a caller who does not know it must not use up the emails that an address may get.
  const dropped = (await isOverMailLimit?.()) ?? false
  const mail = await deps.database.transaction(async manager => {
    const where = { id: user.id, session_epoch: user.session_epoch }
    if (!(await manager.findOne(Users, { where, lock: { mode: 'pessimistic_read' } }))) return null
    const email = { recipient: newEmail, userId: user.id, locale, dropped }
    const id = await queueEmail(manager, emails.email_change, email)
    const about = { type: 'email.change_requested', userId: user.id, data: { email_id: id } } as const
    await recordEvent(manager, { ...about, sessionId, origin })
    return id
  })
  if (!mail) return new Problem('INVALID_CURRENT_PASSWORD')
  await enqueueEmails(deps, [mail])
  return null
}
