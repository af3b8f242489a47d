import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { enqueueEmails, queueEmail } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import { rememberDevice } from '../devices/remember-device.ts'
import { consumeOneTimeToken } from '../one-time-tokens/consume-one-time-token.ts'
import { isEffectCurrent } from '../one-time-tokens/is-effect-current.ts'
import { type PresentedToken, verifyOneTimeToken } from '../one-time-tokens/verify-one-time-token.ts'
import { Users } from '../users/entity.ts'

type Needs = Pick<
  Deps,
  | 'config'
  | 'clock'
  | 'log'
  | 'metrics'
  | 'emails'
  | 'database'
  | 'reads'
  | 'redis'
  | 'keys'
  | 'queue'
  | 'limiter'
  | 'secrets'
>

type Verify = { presented: PresentedToken; locale: string; origin: Origin & { network: string } }

/**
 * Verifies the address that an email was sent to, once, and owes the welcome. The same token or code again gets the same
 * answer, and does nothing more, while the address is verified by it.
 */
export const verifyEmail = async (
  deps: Needs,
  { presented, locale, origin }: Verify,
): Promise<{ email: string; isRepeat: boolean } | Problem<'INVALID_TOKEN'>> => {
  const proof = await verifyOneTimeToken(deps, 'verify_email', presented)
  if (!proof) return new Problem('INVALID_TOKEN')
  const { address } = proof
  const welcome = proof.isUsed ? null : await verify(deps, { ...proof, locale, origin })
  if (welcome) {
    await enqueueEmails(deps, [welcome])
    await rememberDevice(deps, proof.userId, origin)
    return { email: address, isRepeat: false }
  }
  const stands = await isEffectCurrent(deps, 'verify_email', proof)
  return stands ? { email: address, isRepeat: true } : new Problem('INVALID_TOKEN')
}

type Proven = { userId: string; emailId: string; address: string; locale: string; origin: Origin }

const verify = (
  { database }: Needs,
  { userId, emailId, address, locale, origin }: Proven,
): Promise<string | null> =>
  database.transaction(async manager => {
    if (!(await consumeOneTimeToken(manager, emailId))) return null
    // The address may have changed since the mail was sent: then it proves nothing any more.
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
