import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { type EmailKind, emailKinds, emails } from '../../platform/catalog/emails.ts'
import { purge } from '../../platform/postgres/purge.ts'

/**
 * How long an email is needed in milliseconds, whatever the setting says: while its link works, while a link that was
 * used before it asks what came after, and while the list of sessions asks which of them are older than its confirmation.
 */
const neededFor = (kind: EmailKind, sessionAge: number): number => {
  const email = emails[kind]
  return 'proof' in email ? Math.max(email.proof.ttl, emails.email_changed.proof.ttl, sessionAge) : 0
}

type Needs = Pick<Deps, 'config' | 'clock' | 'database' | 'log'>

/** Deletes emails that were sent or given up, and are older than `EMAIL_RETENTION`. */
export const purgeEmails = async ({ config, clock, database, log }: Needs): Promise<number> => {
  const { EMAIL_RETENTION, SESSION_MAX_AGE } = config
  if (EMAIL_RETENTION === 'off') return 0
  const byAge = Map.groupBy(emailKinds, kind => Math.max(EMAIL_RETENTION, neededFor(kind, SESSION_MAX_AGE)))
  let purged = 0
  for (const [keptFor, kinds] of byAge) {
    purged += await purge(database, 'settled_emails', [new Date(now(clock) - keptFor), kinds])
  }
  if (purged > 0) log.info({ emails: purged }, 'old emails deleted')
  return purged
}
