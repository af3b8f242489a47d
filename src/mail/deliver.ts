import { domainOf } from '../base/mailbox.ts'
import type { Deps } from '../deps.ts'
import { composeMail } from './compose.ts'
import { deliveryFault } from './delivery-fault.ts'
import { type Email, Emails } from './entity.ts'
import { render } from './render.ts'
import type { Transport } from './transport.ts'

/** A row that was begun as often without an end kills workers: it is set aside. */
const attemptsAtMost = 30

type Needs = Pick<
  Deps,
  'config' | 'clock' | 'log' | 'theme' | 'metrics' | 'database' | 'redis' | 'keys' | 'secrets'
> & {
  transport: Transport
}

/**
 * Sends one row of the outbox, at least once. The attempt is counted before it is made, so one that ends this
 * process counts too. `sent` and the rest of the outcomes are final; throws where a later try may succeed.
 */
export const deliver = async (deps: Needs, emailId: string): Promise<Email['status'] | 'settled'> => {
  const email = await beginAttempt(deps, emailId)
  if (!email) return 'settled'
  if (email.attempts > attemptsAtMost) return settle(deps, email, 'failed', 'too many attempts')

  try {
    const mail = await composeMail(deps, email)
    if (!mail) return await settle(deps, email, 'dropped')
    const content = await render(deps.theme, mail.kind, mail.locale, mail.vars)
    await deps.transport.sendMail({
      from: deps.config.MAIL_FROM,
      to: { name: '', address: mail.to },
      ...content,
      messageId: `<${email.id}@${domainOf(deps.config.MAIL_FROM)}>`,
      date: email.created_at,
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
    })
  } catch (error) {
    const { text, final, refused } = deliveryFault(error)
    if (final) return settle(deps, email, 'failed', text)
    await deps.database.getRepository(Emails).update({ id: email.id }, { last_error: text })
    deps.metrics.count('mail_attempts_failed')
    deps.log.warn(
      { email_id: email.id, kind: email.kind, attempt: email.attempts, fault: text, refused, err: error },
      'mail not sent',
    )
    throw new Error(text)
  }
  return settle(deps, email, 'sent')
}

/** Gives a mail up after its last try, so that it shows in the delivery log and can be sent again. */
export const giveUp = async (deps: Pick<Deps, 'database'>, emailId: string): Promise<void> => {
  await deps.database.getRepository(Emails).update({ id: emailId, status: 'queued' }, { status: 'failed' })
}

const beginAttempt = async ({ database }: Needs, emailId: string): Promise<Email | null> => {
  const { raw } = await database
    .createQueryBuilder()
    .update(Emails)
    .set({ attempts: () => 'attempts + 1' })
    .where(`id = :id AND status = 'queued'`, { id: emailId })
    .returning('*')
    .execute()
  return (raw[0] as Email | undefined) ?? null
}

const settle = async (
  { database, log, metrics }: Needs,
  email: Email,
  status: 'sent' | 'failed' | 'dropped',
  fault: string | null = null,
): Promise<Email['status']> => {
  const sentAt = status === 'sent' ? { sent_at: () => 'now()' } : {}
  await database.getRepository(Emails).update({ id: email.id }, { status, last_error: fault, ...sentAt })
  metrics.count('mails', { outcome: status })
  log.info({ email_id: email.id, kind: email.kind, attempt: email.attempts, fault }, `mail ${status}`)
  return status
}
