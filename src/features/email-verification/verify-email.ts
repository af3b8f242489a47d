import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { queueEmail, startDelivery } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import { rememberDevice } from '../devices/remember-device.ts'
import { consumeOneTimeToken } from '../one-time-tokens/consume-one-time-token.ts'
import { isEffectCurrent } from '../one-time-tokens/is-effect-current.ts'
import { type PresentedToken, verifyOneTimeToken } from '../one-time-tokens/verify-one-time-token.ts'
import { Users } from '../users/entity.ts'

type Needs = Parameters<typeof verifyOneTimeToken>[0] & Pick<Deps, 'queue'>

type Verify = { presented: PresentedToken; locale: string; origin: Origin & { network: string } }

/**
 * Verifies the address that an email was sent to, once, and queues the welcome email. The same token or code again gets the
 * same reply without any further effect, as long as that verification holds.
 */
export const verifyEmail = async (
  deps: Needs,
  { presented, locale, origin }: Verify,
): Promise<{ email: string; isRepeat: boolean } | Problem<'INVALID_TOKEN'>> => {
  const verified = await verifyOneTimeToken(deps, 'verify_email', presented)
  if (!verified) return new Problem('INVALID_TOKEN')
  const { address } = verified
  const welcome = verified.isUsed ? null : await verify(deps, { ...verified, locale, origin })
  if (welcome) {
    await startDelivery(deps, [welcome])
    await rememberDevice(deps, verified.userId, origin)
    return { email: address, isRepeat: false }
  }
  const isCurrent = await isEffectCurrent(deps, 'verify_email', verified)
  return isCurrent ? { email: address, isRepeat: true } : new Problem('INVALID_TOKEN')
}

type Verification = { userId: string; emailId: string; address: string; locale: string; origin: Origin }

const verify = (
  { database }: Needs,
  { userId, emailId, address, locale, origin }: Verification,
): Promise<string | null> =>
  database.transaction(async manager => {
    if (!(await consumeOneTimeToken(manager, emailId))) return null
    // The address of the account may have changed since the email was sent. Then this one must not be verified.
    const { affected } = await manager.update(
      Users,
      { id: userId, email: address },
      { email_verified: true, updated_at: () => 'now()' },
    )
    if (affected !== 1) return null
    const data = { before: { email_verified: false }, after: { email_verified: true } }
    await recordEvent(manager, { type: 'user.email_verified', userId, origin, data })
    return queueEmail(manager, emails.welcome, { recipient: address, userId, locale })
  })
