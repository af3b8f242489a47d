import type { Deps } from '../../deps.ts'
import type { EmailKind } from '../../platform/catalog/emails.ts'
import type { Email } from '../../platform/mail/entity.ts'
import type { User } from '../users/entity.ts'
import { findRegistration } from '../users/find-registration.ts'

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
