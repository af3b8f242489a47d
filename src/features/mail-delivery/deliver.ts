import type { Deps } from '../../deps.ts'
import { domainOf } from '../../platform/base/mailbox.ts'
import { type Timeouts, timeouts } from '../../platform/config/timeouts.ts'
import { type DeliveryFault, deliveryFault } from '../../platform/mail/delivery-error.ts'
import type { Email } from '../../platform/mail/entity.ts'
import { render } from '../../platform/mail/render.ts'
import { send, type Transport } from '../../platform/mail/transport.ts'
import { beginAttempt, endAttempt, holdAttempt, isHeld, keepHold } from './attempt.ts'
import { composeEmail } from './compose.ts'
import { about, settle, settleSent } from './settle.ts'

/** A row that was begun as often without an end kills workers: it is set aside. */
const attemptsAtMost = 30

/** An email whose content was sent as often without an answer is given up, so that it is not delivered over and over. */
const unansweredAtMost = 3

type Needs = Pick<
  Deps,
  | 'config'
  | 'clock'
  | 'log'
  | 'theme'
  | 'metrics'
  | 'emails'
  | 'database'
  | 'reads'
  | 'redis'
  | 'keys'
  | 'secrets'
> & {
  transport: Transport
}

/** How an attempt ends that is told to: `signal` aborts it. */
type Attempt = { signal?: AbortSignal; within?: Timeouts }

/**
 * Sends one row of the outbox, at least once. The attempt is counted before it is made, so one that ends this
 * process counts too. `sent` and the rest of the outcomes are final, but for two: `held`, where another attempt is in
 * flight, and `queued`, where the email has perhaps been delivered and waits. Throws where a later try may succeed.
 */
export const deliver = async (
  deps: Needs,
  emailId: string,
  { signal = new AbortController().signal, within = timeouts }: Attempt = {},
): Promise<Email['status'] | 'settled' | 'held'> => {
  signal.throwIfAborted()
  const email = await beginAttempt(deps, emailId)
  if (!email) return (await isHeld(deps, emailId)) ? 'held' : 'settled'
  if (email.attempts > attemptsAtMost) return settle(deps, email, 'failed', 'too many attempts')

  using _ = keepHold(deps, emailId)
  let isContentSent = false
  try {
    const mail = await composeEmail(deps, email)
    if (!mail) return await settle(deps, email, 'dropped')
    const content = await render(deps.theme, mail.email, mail.locale, mail.values)
    const message = {
      from: deps.config.MAIL_FROM,
      to: { name: '', address: mail.to },
      ...content,
      messageId: `<${email.id}@${domainOf(deps.config.MAIL_FROM)}>`,
      date: email.created_at,
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
    }
    const ends = AbortSignal.any([signal, AbortSignal.timeout(within.smtpDelivery)])
    await send(deps.transport, message, ends, () => {
      isContentSent = true
    })
  } catch (error) {
    const fault = deliveryFault(error)
    if (fault.final) return settle(deps, email, 'failed', fault.text)
    deps.metrics.count('mail_attempts_failed')
    if (isContentSent && fault.refused === null) return await sendAgainLate(deps, email, fault, within)
    const { text, refused } = fault
    await endAttempt(deps, email.id, text)
    deps.log.warn({ ...about(email), fault: text, refused, err: error }, 'mail not sent')
    throw new Error(text)
  }
  return settleSent(deps, email)
}

/**
 * The server did not answer the content, so it may have taken the email. A timeout is not followed by another send for
 * long, nor often: a slow server would deliver the same email each time.
 */
const sendAgainLate = async (
  deps: Needs,
  email: Email,
  { text }: DeliveryFault,
  within: Timeouts,
): Promise<Email['status']> => {
  const fault = `${text}, perhaps delivered`
  const isFirst = email.sends_unanswered === 0
  if (email.sends_unanswered === unansweredAtMost - 1) return settle(deps, email, 'failed', fault)
  const isBroken = text === 'ECONNECTION' || text === 'ESOCKET'
  const wait = isFirst ? (isBroken ? within.mailBroken : within.mailUnanswered) : 8 * within.mailUnanswered
  await holdAttempt(deps, email.id, { fault, wait })
  deps.metrics.count('mails_unanswered')
  deps.log.warn({ ...about(email), fault, again_in_ms: wait }, 'mail not answered')
  return 'queued'
}
