import type { EntityManager } from 'typeorm'
import { v7 as uuid } from 'uuid'
import type { Log } from '../base/log.ts'
import { isPermissionError } from '../base/store-errors.ts'
import type { EmailDefinition } from '../catalog/email-definition.ts'
import { insertRow } from '../postgres/insert-row.ts'
import { addEmailJobs, type MailQueue } from './queue.ts'

/**
 * An email to queue. A `dropped` email is written at the same cost and never sent, so that the time of a request
 * reveals nothing. The worker sends an `overLimit` email only if the link of an earlier one was revoked and no other link works.
 */
export type NewEmail<D extends string = never> = {
  /** The id of its row (a UUID of version 7), if it must be known before the transaction. */
  id?: string
  recipient: string
  userId: string | null
  locale: string
  dropped?: boolean
  overLimit?: boolean
} & ([D] extends [never] ? { data?: never } : { data: Readonly<Record<D, string>> })

const insert = insertRow('emails', {
  id: 'uuid',
  kind: 'text',
  recipient: 'text',
  user_id: 'uuid',
  locale: 'text',
  data: 'jsonb',
  status: 'text',
})

/**
 * Inserts an email into the outbox, in the transaction of the change that causes it. Returns its id. Call `startDelivery`
 * after the commit.
 */
export const queueEmail = async <D extends string>(
  manager: EntityManager,
  { kind }: EmailDefinition<string, D>,
  email: NewEmail<D>,
): Promise<string> => {
  const { id = uuid(), recipient, userId, locale, dropped = false, overLimit = false } = email
  const data = { ...email.data, ...(overLimit && { over_limit: 'true' }) }
  const status = dropped ? 'dropped' : 'queued'
  await manager.query(insert, [id, kind, recipient, userId, locale, JSON.stringify(data), status])
  return id
}

/** Adds a job for each committed email, so that a worker sends it at once. If Redis does not answer, the sweeper finds the row. */
export const startDelivery = async (
  deps: { queue: MailQueue; log: Log },
  emailIds: string[],
): Promise<void> => {
  await addEmailJobs(deps.queue, emailIds).catch(err => {
    if (isPermissionError(err))
      deps.log.error({ err, reason: err.message }, 'Redis refuses to queue an email')
    else deps.log.warn({ err }, 'email waits for the sweeper')
  })
}
