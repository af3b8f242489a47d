import { setTimeout as sleep } from 'node:timers/promises'
import type { Deps } from '../../deps.ts'
import { isOutage } from '../../platform/base/store-errors.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import { type Email, Emails } from '../../platform/mail/entity.ts'

type Needs = Pick<Deps, 'database' | 'log' | 'metrics'>

/** The fields of a log line about an email. */
export const logFields = ({ id, kind, attempts }: Email) => ({ email_id: id, kind, attempt: attempts })

/** Stores the final status of an email. */
export const settle = async (
  { database, log, metrics }: Needs,
  email: Email,
  status: 'sent' | 'failed' | 'dropped',
  lastError: string | null = null,
): Promise<Email['status']> => {
  const sentAt = status === 'sent' ? { sent_at: () => 'now()' } : {}
  await database
    .getRepository(Emails)
    .update({ id: email.id }, { status, last_error: lastError, held_until: null, ...sentAt })
  metrics.count(counters.mails, { outcome: status })
  log.info({ ...logFields(email), fault: lastError }, `mail ${status}`)
  return status
}

/** Stores that the server accepted the email. Retries while Postgres is down, or the next attempt would send it again. */
export const settleSent = async (deps: Needs, email: Email): Promise<Email['status']> => {
  for (const wait of [500, 1000, 2000, 4000, 8000])
    try {
      return await settle(deps, email, 'sent')
    } catch (error) {
      if (!isOutage(error)) throw error
      await sleep(wait)
    }
  return settle(deps, email, 'sent')
}

/** Marks an email as failed after its last attempt: the delivery log shows it, and an administrator can send it again. */
export const markFailed = async (deps: Pick<Deps, 'database'>, emailId: string): Promise<void> => {
  await deps.database.getRepository(Emails).update({ id: emailId, status: 'queued' }, { status: 'failed' })
}
