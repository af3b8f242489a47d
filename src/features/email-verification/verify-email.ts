import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { queueEmail, startDelivery } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import { rememberDevice } from '../devices/remember-device.ts'
import { removeUnprovenFactors } from '../factors/remove-unproven-factors.ts'
import { resetAttemptsAndDevices } from '../lockout/reset-attempts-and-devices.ts'
import { consumeOneTimeToken } from '../one-time-tokens/consume-one-time-token.ts'
import { isEffectCurrent } from '../one-time-tokens/is-effect-current.ts'
import { revokeUserTokens } from '../one-time-tokens/revoke-user-tokens.ts'
import { type PresentedToken, verifyOneTimeToken } from '../one-time-tokens/verify-one-time-token.ts'
import { deleteSessions } from '../sessions/delete-sessions.ts'
import { Users } from '../users/entity.ts'

type Needs = Parameters<typeof verifyOneTimeToken>[0] & Pick<Deps, 'queue'>

const closedPassword = {
  password_hash: null,
  password_proven_at: null,
  session_epoch: () => 'session_epoch + 1',
} as const

type Verify = { presented: PresentedToken; locale: string; origin: Origin & { network: string } }

/**
 * Verifies the address that an email was sent to, once, and queues the welcome email. The same token or code again gets the
 * same reply without any further effect, as long as that verification holds.
 *
 * An account that has factors already loses them, with its password and sessions: another person may have registered the
 * address. An email lets the owner choose a new password.
 */
export const verifyEmail = async (
  deps: Needs,
  { presented, locale, origin }: Verify,
): Promise<{ email: string; isRepeat: boolean } | Problem<'INVALID_TOKEN'>> => {
  const verified = await verifyOneTimeToken(deps, 'verify_email', presented)
  if (!verified) return new Problem('INVALID_TOKEN')
  const { address } = verified
  const done = verified.isUsed ? null : await verify(deps, { ...verified, locale, origin })
  if (done) {
    await startDelivery(deps, done.emailIds)
    if (done.isClosed) {
      await deleteSessions(deps, verified.userId)
      await resetAttemptsAndDevices(deps, { id: verified.userId, email: address })
    }
    await rememberDevice(deps, verified.userId, origin)
    return { email: address, isRepeat: false }
  }
  const isCurrent = await isEffectCurrent(deps, 'verify_email', verified)
  return isCurrent ? { email: address, isRepeat: true } : new Problem('INVALID_TOKEN')
}

type Verification = { userId: string; emailId: string; address: string; locale: string; origin: Origin }

const verify = (
  deps: Needs,
  { userId, emailId, address, locale, origin }: Verification,
): Promise<{ emailIds: string[]; isClosed: boolean } | null> =>
  deps.database.transaction(async manager => {
    if (!(await consumeOneTimeToken(manager, emailId))) return null
    const user = { id: userId, email: address }
    const isClosed = await removeUnprovenFactors(manager, deps, user, origin)
    // The address of the account may have changed since the email was sent. Then this one must not be verified.
    const { affected } = await manager.update(Users, user, {
      email_verified: true,
      ...(isClosed && closedPassword),
      updated_at: () => 'now()',
    })
    if (affected !== 1) return null
    const data = { before: { email_verified: false }, after: { email_verified: true } }
    await recordEvent(manager, { type: 'user.email_verified', userId, origin, data })
    if (isClosed) await revokeUserTokens(manager, deps, user)
    const to = { recipient: address, userId, locale }
    const welcome = await queueEmail(manager, emails.welcome, to)
    const reset = isClosed ? [await queueEmail(manager, emails.reset_password, to)] : []
    return { emailIds: [welcome, ...reset], isClosed }
  })
