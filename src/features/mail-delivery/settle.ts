import { setTimeout as sleep } from 'node:timers/promises'
import type { Deps } from '../../deps.ts'
import { isOutage } from '../../platform/base/store-errors.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import { type Email, Emails } from '../../platform/mail/entity.ts'
import type { Statement } from '../../platform/postgres/prepared-read.ts'
import { runPrepared } from '../../platform/postgres/run-prepared.ts'

type Needs = Pick<Deps, 'database' | 'log' | 'metrics'>

/** The fields of a log line about an email. */
export const logFields = ({ id, kind, attempts }: Email) => ({ email_id: id, kind, attempt: attempts })

const settleRow: Statement = {
  name: 'settle-email',
  text: `UPDATE emails SET status = $2, last_error = $3, held_until = NULL,
    sent_at = CASE WHEN $2 = 'sent' THEN now() ELSE sent_at END WHERE id = $1`,
}

/** Stores the final status of an email. */
export const settle = async (
  { database, log, metrics }: Needs,
  email: Email,
  status: 'sent' | 'failed' | 'dropped',
  lastError: string | null = null,
): Promise<Email['status']> => {
  await runPrepared(database, settleRow, [email.id, status, lastError])
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
