import type { User } from '../accounts/entity.ts'
import { findRegistration } from '../accounts/find-registration.ts'
import type { EmailKind } from '../base/emails.ts'
import type { Deps } from '../deps.ts'
import type { Email } from './entity.ts'

/**
 * The email that verifies an address tells when and from where the account was made, since a stranger may have registered
 * the address. That is of the registration, whoever asks for the email now. Where an administrator, an import or a payment
 * made the account there is nothing to tell, and the email is another one.
 */
export const aboutRegistration = async (
  { database }: Pick<Deps, 'database'>,
  email: Email,
  user: User,
): Promise<{ kind: EmailKind; email: Email }> => {
  if (email.kind !== 'verify_email') return { kind: email.kind, email }
  const registration = await findRegistration(database, user.id)
  if (!registration) return { kind: 'verify_invited', email }
  const { time, ip, userAgent } = registration
  return {
    kind: email.kind,
    email: { ...email, data: { ...email.data, time: time.toISOString(), ip, device: userAgent } },
  }
}
