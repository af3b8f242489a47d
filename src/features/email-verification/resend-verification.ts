import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { queueEmail, startDelivery } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'

/**
 * Queues a new verification email. The account is not looked up here, so that the reply cannot reveal whether it exists:
 * the worker drops the email if there is no account.
 */
export const resendVerification = async (
  deps: Pick<Deps, 'database' | 'queue' | 'log'>,
  { email, locale, overLimit, origin }: { email: string; locale: string; overLimit: boolean; origin: Origin },
): Promise<void> => {
  const emailId = await deps.database.transaction(async manager => {
    const id = await queueEmail(manager, emails.verify_email, {
      recipient: email,
      userId: null,
      locale,
      overLimit,
    })
    // The event names no user, because none is looked up. The row of the email names the address.
    const data = { email_id: id }
    await recordEvent(manager, { type: 'email.verification_requested', userId: null, data, origin })
    return id
  })
  await startDelivery(deps, [emailId])
}
