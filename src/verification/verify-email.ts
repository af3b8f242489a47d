import { Users } from '../accounts/entity.ts'
import { recordEvent } from '../audit/record-event.ts'
import { Problem } from '../base/problems.ts'
import type { Deps } from '../deps.ts'
import { rememberDevice } from '../devices/remember-device.ts'
import { checkProof, type Presented } from '../proofs/check-proof.ts'
import { spendProof } from '../proofs/spend-proof.ts'
import { dropProof } from '../proofs/store.ts'
import type { Origin } from '../sessions/start-session.ts'
import { enqueueMails, oweMail } from '../storage/outbox.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'log' | 'database' | 'redis' | 'keys' | 'queue' | 'secrets'>

/** Verifies the address that a mail was sent to, once, and owes the welcome. */
export const verifyEmail = async (
  deps: Needs,
  {
    presented,
    locale,
    origin,
  }: { presented: Presented; locale: string; origin: Origin & { network: string } },
): Promise<{ email: string } | Problem<'INVALID_TOKEN'>> => {
  const proof = await checkProof(deps, 'verify_email', presented)
  if (!proof) return new Problem('INVALID_TOKEN')
  const { userId, emailId, address } = proof

  const welcome = await deps.database.transaction(async manager => {
    if (!(await spendProof(manager, emailId))) return null
    // The address may have changed since the mail was sent: then it proves nothing any more.
    const { affected } = await manager.update(
      Users,
      { id: userId, email: address },
      { email_verified: true, updated_at: () => 'now()' },
    )
    if (affected !== 1) return null
    await recordEvent(manager, { type: 'user.email_verified', userId, origin })
    return oweMail(manager, { kind: 'welcome', recipient: address, userId, locale })
  })
  await dropProof(deps, proof, emailId).catch(err => deps.log.warn({ err }, 'a spent proof was not dropped'))
  if (!welcome) return new Problem('INVALID_TOKEN')
  await enqueueMails(deps, [welcome])
  await rememberDevice(deps, userId, origin)
  return { email: address }
}
