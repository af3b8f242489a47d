import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { purge } from '../../platform/postgres/purge.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'database' | 'log'>

/**
 * Deletes audit events older than `AUDIT_RETENTION` and returns their number.
 *
 * It keeps those that a flow still reads. A refresh looks up whether its session was ended. An email change looks up how the
 * account was registered, for its undo link.
 */
export const purgeEvents = async ({ config, clock, database, log }: Needs): Promise<number> => {
  const { AUDIT_RETENTION, SESSION_MAX_AGE } = config
  if (AUDIT_RETENTION === 'off') return 0
  const retention = Math.max(AUDIT_RETENTION, SESSION_MAX_AGE, emails.email_changed.token.lifetime)
  const before = new Date(now(clock) - retention)
  const purged = await purge(database, 'audit_events', [before])
  if (purged > 0) log.info({ events: purged }, 'old audit events deleted')
  return purged
}
