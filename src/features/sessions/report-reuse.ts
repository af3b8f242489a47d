import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import { queueEmail, startDelivery } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import type { User } from '../users/entity.ts'

/**
 * Reports the reuse of a refresh token once, by an audit event and an email to the owner in one transaction. The session has
 * ended already. If the report fails, the next use of the token reports it.
 */
export const reportReuse = async (
  deps: Pick<Deps, 'clock' | 'log' | 'metrics' | 'database' | 'queue'>,
  { user, sessionId, origin }: { user: User; sessionId: string; origin: Origin },
): Promise<void> => {
  deps.log.warn(
    { user_id: user.id, session_id: sessionId },
    'a refresh token was reused: the session has ended',
  )
  const emailIds = await deps.database.transaction(async manager => {
    const isReported = !(await recordEvent(manager, {
      type: 'session.reused',
      userId: user.id,
      sessionId,
      origin,
    }))
    if (isReported) return []
    const emailId = await queueEmail(manager, emails.session_reuse, {
      recipient: user.email,
      userId: user.id,
      locale: user.preferred_language ?? 'en',
      data: { time: new Date(now(deps.clock)).toISOString(), ip: origin.ip, device: origin.userAgent },
    })
    return [emailId]
  })
  if (emailIds.length > 0) deps.metrics.count(counters.session_reuses)
  await startDelivery(deps, emailIds)
}
