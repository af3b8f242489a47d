import type { Deps } from '../deps.ts'
import { enqueueMails, oweMail } from '../storage/outbox.ts'

/**
 * Owes a new verification mail to an address. Whether anybody has it is not looked up here: the worker drops the
 * mail if nobody does, so the answer cannot tell.
 */
export const resendVerification = async (
  deps: Pick<Deps, 'database' | 'queue' | 'log'>,
  { email, locale, overLimit }: { email: string; locale: string; overLimit: boolean },
): Promise<void> => {
  const mail = await oweMail(deps.database.manager, {
    kind: 'verify_email',
    recipient: email,
    userId: null,
    locale,
    overLimit,
  })
  await enqueueMails(deps, [mail])
}
