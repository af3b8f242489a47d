import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { unseal } from '../../platform/crypto/seal.ts'
import type { User } from '../users/types.ts'
import { matchingStep } from './totp.ts'
import type { Accepted, Factor } from './types.ts'

type Needs = Pick<Deps, 'clock' | 'database' | 'secrets'>
type Row = Pick<Factor, 'id' | 'sealed_secret' | 'last_step'>

/**
 * Checks a code against every authenticator app of a user. Returns null if it is wrong, too old, or was used before at any
 * instance.
 */
export const checkTotp = async (
  { clock, database, secrets }: Needs,
  user: Pick<User, 'id'>,
  code: string,
): Promise<Accepted | null> => {
  const rows: Row[] = await database.query(
    `SELECT id, sealed_secret, last_step FROM factors
      WHERE user_id = $1 AND type = 'totp' AND confirmed_at IS NOT NULL AND removed_at IS NULL ORDER BY id`,
    [user.id],
  )
  const time = now(clock)
  const found = await Promise.all(
    rows.map(async ({ id, sealed_secret, last_step }) => {
      const seed = unseal(secrets, sealed_secret ?? '', id)
      const step = seed && (await matchingStep(seed, code, { time, lastStep: Number(last_step) }))
      return step === null ? [] : [{ id, step }]
    }),
  )
  const [match] = found.flat()
  if (!match) return null
  return { factorId: match.id, amr: ['otp'], consume: manager => consumeStep(manager, match) }
}

// Compares the step again, because another request may have used the same code since.
const consumeStep = async (
  manager: EntityManager,
  { id, step }: { id: string; step: number },
): Promise<readonly string[] | null> => {
  const [, changed] = (await manager.query(
    `UPDATE factors SET last_step = $2, last_used_at = clock_timestamp()
      WHERE id = $1 AND last_step < $2 AND confirmed_at IS NOT NULL AND removed_at IS NULL`,
    [id, step],
  )) as [unknown, number]
  return changed === 1 ? [] : null
}
