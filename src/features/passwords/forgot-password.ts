import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { queueEmail, startDelivery } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'

/**
 * Queues a reset email to an address without looking up an account. The worker drops the email if no account has the address,
 * so that neither the reply nor its time reveals that.
 */
export const forgotPassword = async (
  deps: Pick<Deps, 'database' | 'queue' | 'log'>,
  { email, locale, overLimit, origin }: { email: string; locale: string; overLimit: boolean; origin: Origin },
): Promise<void> => {
  const emailId = await deps.database.transaction(async manager => {
    const id = await queueEmail(manager, emails.reset_password, {
      recipient: email,
      userId: null,
      locale,
      overLimit,
    })
    // The event names no user, because none is looked up. The row of the email links it to a user later.
    const data = { email_id: id }
    await recordEvent(manager, { type: 'password.reset_requested', userId: null, origin, data })
    return id
  })
  await startDelivery(deps, [emailId])
}
