import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { enqueueEmails, queueEmail } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'

/**
 * Owes a new verification mail to an address. Whether anybody has it is not looked up here: the worker drops the
 * mail if nobody does, so the answer cannot tell.
 */
export const resendVerification = async (
  deps: Pick<Deps, 'database' | 'queue' | 'log'>,
  { email, locale, overLimit, origin }: { email: string; locale: string; overLimit: boolean; origin: Origin },
): Promise<void> => {
  const mail = await deps.database.transaction(async manager => {
    const id = await queueEmail(manager, emails.verify_email, {
      recipient: email,
      userId: null,
      locale,
      overLimit,
    })
    // No user: nobody is looked up. The row of the email tells whose it is.
    const about = { type: 'email.verification_requested', userId: null, data: { email_id: id } } as const
    await recordEvent(manager, { ...about, origin })
    return id
  })
  await enqueueEmails(deps, [mail])
}
