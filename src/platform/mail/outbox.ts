import type { EntityManager } from 'typeorm'
import { v7 as uuid } from 'uuid'
import type { Log } from '../base/log.ts'
import { isRefusal } from '../base/store-errors.ts'
import type { EmailKind } from '../catalog/emails.ts'
import { Emails } from './entity.ts'
import { addMails, type MailQueue } from './queue.ts'

/**
 * A mail to owe. `data` holds what cannot be derived later, and nothing secret. One that is `dropped` is written all the
 * same, at the same cost, and never sent. The worker sends one that is `overLimit` only if the link of an earlier one was
 * ended and no other stands.
 */
export type NewEmail = {
  kind: EmailKind
  recipient: string
  userId: string | null
  locale: string
  data?: Record<string, string>
  dropped?: boolean
  overLimit?: boolean
}

/** Writes the mail into the outbox, in the transaction of the change that causes it. Returns its id. */
export const queueEmail = async (manager: EntityManager, mail: NewEmail): Promise<string> => {
  const id = uuid()
  const { kind, recipient, userId, locale, dropped = false, overLimit = false } = mail
  const data = { ...mail.data, ...(overLimit && { over_limit: 'true' }) }
  const status = dropped ? 'dropped' : 'queued'
  await manager.insert(Emails, { id, kind, recipient, user_id: userId, locale, data, status })
  return id
}

/**
 * Hands committed mails to the worker. A queue that does not answer is no reason to fail: the sweeper
 * finds the rows.
 */
export const enqueueEmails = async (
  deps: { queue: MailQueue; log: Log },
  emailIds: string[],
): Promise<void> => {
  await addMails(deps.queue, emailIds).catch(err => {
    if (isRefusal(err)) deps.log.error({ err, reason: err.message }, 'Redis refuses to queue an email')
    else deps.log.warn({ err }, 'mail waits for the sweeper')
  })
}
