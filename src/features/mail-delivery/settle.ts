import { setTimeout as sleep } from 'node:timers/promises'
import type { Deps } from '../../deps.ts'
import { isOutage } from '../../platform/base/store-errors.ts'
import { type Email, Emails } from '../../platform/mail/entity.ts'

type Needs = Pick<Deps, 'database' | 'log' | 'metrics'>

/** What a log line says of an email. */
export const about = ({ id, kind, attempts }: Email) => ({ email_id: id, kind, attempt: attempts })

/** Brings a row to its end. */
export const settle = async (
  { database, log, metrics }: Needs,
  email: Email,
  status: 'sent' | 'failed' | 'dropped',
  fault: string | null = null,
): Promise<Email['status']> => {
  const sentAt = status === 'sent' ? { sent_at: () => 'now()' } : {}
  await database
    .getRepository(Emails)
    .update({ id: email.id }, { status, last_error: fault, held_until: null, ...sentAt })
  metrics.count('mails', { outcome: status })
  log.info({ ...about(email), fault }, `mail ${status}`)
  return status
}

/** The server has taken it. While Postgres is away the row is not told so, and the next attempt would send it again. */
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

/** Gives a mail up after its last try, so that it shows in the delivery log and can be sent again. */
export const giveUp = async (deps: Pick<Deps, 'database'>, emailId: string): Promise<void> => {
  await deps.database.getRepository(Emails).update({ id: emailId, status: 'queued' }, { status: 'failed' })
}
