import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { EmailDefinition } from '../../platform/catalog/email-definition.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { purge } from '../../platform/postgres/purge.ts'

/**
 * The milliseconds for which an email is needed under any setting.
 *
 * Its link may still work. A link that was used earlier may check which changes came after it. The list of sessions compares their age with the verification of the address.
 */
const neededFor = ({ token }: EmailDefinition, sessionAge: number): number =>
  token ? Math.max(token.lifetime, emails.email_changed.token.lifetime, sessionAge) : 0

type Needs = Pick<Deps, 'config' | 'clock' | 'emails' | 'database' | 'log'>

/** Deletes emails that were sent or have failed, and are older than `EMAIL_RETENTION`. Returns their number. */
export const purgeEmails = async ({ config, clock, emails: all, database, log }: Needs): Promise<number> => {
  const { EMAIL_RETENTION, SESSION_MAX_AGE } = config
  if (EMAIL_RETENTION === 'off') return 0
  let purged = 0
  // By kind, as a scan by age alone would read every email of the kinds that are kept longer, in each batch.
  for (const email of all) {
    const keptForMs = Math.max(EMAIL_RETENTION, neededFor(email, SESSION_MAX_AGE))
    purged += await purge(database, 'settled_emails', [new Date(now(clock) - keptForMs), email.kind])
  }
  if (purged > 0) log.info({ emails: purged }, 'old emails deleted')
  return purged
}
