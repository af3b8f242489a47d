import type { Deps } from '../deps.ts'
import { enqueueMails, oweMail } from '../storage/outbox.ts'

/**
 * Owes a reset mail to an address. Whether anybody has it is not looked up here: the worker drops the mail if nobody
 * does, so neither the answer nor its time can tell.
 */
export const forgotPassword = async (
  deps: Pick<Deps, 'database' | 'queue' | 'log'>,
  { email, locale, overLimit }: { email: string; locale: string; overLimit: boolean },
): Promise<void> => {
  const mail = await oweMail(deps.database.manager, {
    kind: 'reset_password',
    recipient: email,
    userId: null,
    locale,
    overLimit,
  })
  await enqueueMails(deps, [mail])
}
