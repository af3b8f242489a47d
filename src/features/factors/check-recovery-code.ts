import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { unseal } from '../../platform/crypto/seal.ts'
import { queueEmail } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import type { User } from '../users/types.ts'
import { plainRecoveryCode, recoveryCodeHash } from './recovery-codes.ts'
import type { Accepted, Factor } from './types.ts'

type Needs = Pick<Deps, 'clock' | 'database' | 'secrets'>
type Presented = { user: User; code: string; origin: Origin }
type Used = { user: User; factorId: string; hash: string; origin: Origin }

/**
 * Checks a recovery code of a user. Returns null if it is wrong or was used before. Using it up mails the owner, because a
 * thief may have found the list.
 */
export const checkRecoveryCode = async (
  { clock, database, secrets }: Needs,
  { user, code, origin }: Presented,
): Promise<Accepted | null> => {
  const plain = plainRecoveryCode(code)
  const [set]: Pick<Factor, 'id' | 'sealed_secret'>[] = await database.query(
    `SELECT id, sealed_secret FROM factors
      WHERE user_id = $1 AND type = 'recovery_codes' AND confirmed_at IS NOT NULL AND removed_at IS NULL`,
    [user.id],
  )
  const key = set && unseal(secrets, set.sealed_secret ?? '', set.id)
  if (plain === null || !key) return null
  const hash = recoveryCodeHash(key, plain)
  const unused: unknown[] = await database.query(
    'SELECT 1 FROM recovery_codes WHERE factor_id = $1 AND hash = $2 AND used_at IS NULL',
    [set.id, hash],
  )
  if (unused.length === 0) return null
  const used = { user, factorId: set.id, hash, origin }
  return { factorId: set.id, amr: ['otp'], consume: manager => consumeCode(manager, { clock }, used) }
}

const consumeCode = async (
  manager: EntityManager,
  { clock }: Pick<Deps, 'clock'>,
  { user, factorId, hash, origin }: Used,
): Promise<readonly string[] | null> => {
  const [, changed] = (await manager.query(
    `WITH used AS (
       UPDATE recovery_codes SET used_at = clock_timestamp()
        WHERE factor_id = $1 AND hash = $2 AND used_at IS NULL
          AND EXISTS (SELECT 1 FROM factors WHERE id = $1 AND confirmed_at IS NOT NULL AND removed_at IS NULL)
       RETURNING factor_id)
     UPDATE factors SET last_used_at = clock_timestamp() WHERE id IN (SELECT factor_id FROM used)`,
    [factorId, hash],
  )) as [unknown, number]
  if (changed !== 1) return null
  const [row]: { remaining: number }[] = await manager.query(
    'SELECT count(*)::int AS remaining FROM recovery_codes WHERE factor_id = $1 AND used_at IS NULL',
    [factorId],
  )
  const remaining = row?.remaining ?? 0
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
