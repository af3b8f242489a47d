import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { unseal } from '../../platform/crypto/seal.ts'
import { queueEmail } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import type { User } from '../users/types.ts'
import { findSealedFactors } from './factor-store.ts'
import { plainRecoveryCode, recoveryCodeHash } from './recovery-codes.ts'
import { countUnusedCodes, isCodeUnused, useCode } from './recovery-store.ts'
import type { Accepted } from './types.ts'

type Needs = Pick<Deps, 'clock' | 'reads' | 'secrets'>
type Presented = { user: User; code: string; origin: Origin }
type Used = { user: User; factorId: string; hash: string; origin: Origin }

/**
 * Checks a recovery code of a user. Returns null if it is wrong or was used before. Using it up mails the owner, because a
 * thief may have found the list.
 */
export const checkRecoveryCode = async (
  { clock, reads, secrets }: Needs,
  { user, code, origin }: Presented,
): Promise<Accepted | null> => {
  const plain = plainRecoveryCode(code)
  const [set] = await findSealedFactors(reads, user.id, 'recovery_codes')
  const key = set && unseal(secrets, set.sealed_secret ?? '', set.id)
  if (plain === null || !key) return null
  const hash = recoveryCodeHash(key, plain)
  if (!(await isCodeUnused(reads, set.id, hash))) return null
  const used = { user, factorId: set.id, hash, origin }
  return { factorId: set.id, amr: ['otp'], consume: manager => consumeCode(manager, { clock }, used) }
}

const consumeCode = async (
  manager: EntityManager,
  { clock }: Pick<Deps, 'clock'>,
  { user, factorId, hash, origin }: Used,
): Promise<readonly string[] | null> => {
  if (!(await useCode(manager, factorId, hash))) return null
  const remaining = await countUnusedCodes(manager, factorId)
  const data = { factor_id: factorId, remaining }
  await recordEvent(manager, { type: 'recovery_code.used', userId: user.id, origin, data })
  const emailId = await queueEmail(manager, emails.recovery_code_used, {
    recipient: user.email,
    userId: user.id,
    locale: user.preferred_language ?? 'en',
    data: {
      remaining: String(remaining),
      factor_ids: factorId,
      time: new Date(now(clock)).toISOString(),
      ip: origin.ip,
      device: origin.userAgent,
    },
  })
  return [emailId]
}
