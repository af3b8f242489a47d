import type { Deps } from '../../deps.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import { defaultTimeouts, type Timeouts } from '../../platform/config/timeouts.ts'
import { type DeliveryFailure, readDeliveryError } from '../../platform/mail/delivery-error.ts'
import type { Email } from '../../platform/mail/entity.ts'
import { fillEmail } from '../../platform/mail/render.ts'
import { send, type Transport } from '../../platform/mail/transport.ts'
import { delayNextAttempt, endAttempt, keepLease, sweepAfterLease } from './attempt.ts'
import { beginAttempt } from './begin-attempt.ts'
import { composeEmail } from './compose.ts'
import { logFields, settle, settleSent } from './settle.ts'
import { limitTime } from './time-limit.ts'

/** An email whose delivery was begun this often without an end crashes the workers, so it is marked as failed. */
const maxAttempts = 30

/** An email whose content was sent this often without a reply fails, so that it is not delivered again and again. */
const maxUnanswered = 3

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

/** `signal` aborts the attempt. */
type Limits = { signal?: AbortSignal; timeouts?: Timeouts }

/**
 * Sends one email of the outbox, at least once, or throws if a later attempt may succeed. The attempt is counted before it
 * starts, so that one which crashes the process counts too. Two outcomes are not final: `held` (another attempt is running)
 * and `queued` (the email may have been delivered, and waits).
 */
export const deliver = async (
  deps: Needs,
  emailId: string,
  { signal = new AbortController().signal, timeouts = defaultTimeouts }: Limits = {},
): Promise<Email['status'] | 'settled' | 'held'> => {
  signal.throwIfAborted()
  const attempt = await beginAttempt(deps, emailId)
  if (!attempt) return (await sweepAfterLease(deps, emailId)) ? 'held' : 'settled'
  const { email } = attempt
  if (email.attempts > maxAttempts) return settle(deps, email, 'failed', 'too many attempts')

  using _ = keepLease(deps, emailId)
  let isContentSent = false
  try {
    const composed = await composeEmail(deps, attempt)
    if (!composed) return await settle(deps, email, 'dropped')
    const content = await fillEmail(deps.theme, composed.email, composed.locale, composed.values)
    const message = {
      from: deps.config.MAIL_FROM,
      to: composed.to,
      ...content,
      id: email.id,
      date: email.created_at,
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
    }
    using limit = limitTime(signal, timeouts.smtpDelivery)
    await send(deps.transport, message, limit.signal, () => {
      isContentSent = true
    })
  } catch (error) {
    const failure = readDeliveryError(error)
    if (failure.isFinal) return settle(deps, email, 'failed', failure.text)
    deps.metrics.count(counters.mail_attempts_failed)
    if (isContentSent && failure.refused === null) return await retryLater(deps, email, failure, timeouts)
    const { text, refused } = failure
    await endAttempt(deps, email.id, text)
    deps.log.warn({ ...logFields(email), fault: text, refused, err: error }, 'mail not sent')
    throw new Error(text)
  }
  return settleSent(deps, email)
}

/**
 * Schedules another attempt after the server did not answer the content: it may have accepted the email. After a timeout
 * there are few attempts, far apart, because a slow server would deliver the same email each time.
 */
const retryLater = async (
  deps: Needs,
  email: Email,
  { text }: DeliveryFailure,
  timeouts: Timeouts,
): Promise<Email['status']> => {
  const lastError = `${text}, perhaps delivered`
  const isFirst = email.sends_unanswered === 0
  if (email.sends_unanswered === maxUnanswered - 1) return settle(deps, email, 'failed', lastError)
  const isBroken = text === 'ECONNECTION' || text === 'ESOCKET'
  const waitMs = isFirst
    ? isBroken
      ? timeouts.mailBroken
      : timeouts.mailUnanswered
    : 8 * timeouts.mailUnanswered
  await delayNextAttempt(deps, email.id, { lastError, waitMs })
  deps.metrics.count(counters.mails_unanswered)
  deps.log.warn({ ...logFields(email), fault: lastError, again_in_ms: waitMs }, 'mail not answered')
  return 'queued'
}
