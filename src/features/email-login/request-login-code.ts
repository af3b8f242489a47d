import { v7 as uuid } from 'uuid'
import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { limits } from '../../platform/catalog/limits.ts'
import { sha256 } from '../../platform/crypto/derive.ts'
import { queueEmail, startDelivery } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import { putChallenge } from '../challenges/store.ts'
import { deviceId } from '../devices/device-id.ts'
import { accountKey } from '../lockout/attempt-counter.ts'
import { loginTokens } from './login-token.ts'

type Needs = Pick<Deps, 'clock' | 'log' | 'database' | 'redis' | 'keys' | 'queue' | 'limiter'>

type Request = {
  email: string
  locale: string
  overLimit: boolean
  origin: Origin & { network: string }
}

/**
 * Queues an email with a code to an address, and returns the token that the client needs besides the code. No account is
 * looked up: the worker drops the email if no account has the address, so that neither the reply nor its time reveals that.
 *
 * The token is stored before the email is queued. Otherwise an outage of Redis would send a code that opens nothing.
 */
export const requestLoginCode = async (
  deps: Needs,
  { email, locale, overLimit, origin }: Request,
): Promise<{ loginToken: string; expiresIn: number }> => {
  const { lifetime } = emails.login_code.token
  const emailId = uuid()
  const secret = loginTokens.newSecret()
  const device = overLimit ? await deviceWithinLimit(deps, email, origin) : ''
  const state = { email_id: emailId, account: accountKey(email) }
  await putChallenge(deps, { kind: 'email_login', secret }, state, lifetime)
  await deps.database.transaction(async manager => {
    await queueEmail(manager, emails.login_code, {
      ...{ id: emailId, recipient: email, userId: null, locale, overLimit },
      data: {
        time: new Date(now(deps.clock)).toISOString(),
        ip: origin.ip,
        device: origin.userAgent,
        device_id: device,
      },
    })
    // The event names no user, because none is looked up. The row of the email links it to a user later.
    const data = { email_id: emailId }
    await recordEvent(manager, { type: 'login.email_requested', userId: null, origin, data })
  })
  await startDelivery(deps, [emailId])
  return { loginToken: loginTokens.write(secret), expiresIn: lifetime / 1000 }
}

/**
 * The device of a request to a mailbox that has reached its limit, if the device has not reached its own limit for this
 * mailbox; else an empty text. If the account knows the device, the worker sends the email nevertheless: an attacker who uses
 * up the limit of the mailbox does not keep the owner from signing in.
 */
const deviceWithinLimit = async (
  { limiter }: Needs,
  email: string,
  origin: Request['origin'],
): Promise<string> => {
  const device = deviceId(origin)
  const key = sha256(`login_code\n${email}\n${device}`).toString('base64url').slice(0, 22)
  const taken = await limiter(limits.mail, key)
  return taken === null || taken.allowed ? device : ''
}
