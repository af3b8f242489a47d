import { type EmailDefinition, emailOf } from '../../platform/catalog/email-definition.ts'
import { emails } from '../../platform/catalog/emails.ts'
import type { Email } from '../../platform/mail/entity.ts'
import type { Registration } from '../users/find-registration.ts'

/**
 * The definition of an email and its row, with the circumstances of the registration if it verifies an address. They let
 * the owner of the mailbox recognize an account that an attacker registered. If an administrator, an import or a module
 * created the account, the email is `verify_invited`.
 */
export const withRegistration = (
  all: readonly EmailDefinition[],
  row: Email,
  registration: Registration | null,
): { email: EmailDefinition; row: Email } => {
  if (row.kind !== emails.verify_email.kind) return { email: emailOf(all, row.kind), row }
  if (!registration) return { email: emails.verify_invited, row }
  const { time, ip, userAgent } = registration
  const data = { ...row.data, time: time.toISOString(), ip, device: userAgent }
  return { email: emails.verify_email, row: { ...row, data } }
}
