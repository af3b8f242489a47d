import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { unseal } from '../../platform/crypto/seal.ts'
import type { User } from '../users/types.ts'
import { findSealedFactors } from './factor-store.ts'
import { matchingStep } from './totp.ts'
import { useStep } from './totp-store.ts'
import type { Accepted } from './types.ts'

/**
 * Checks a code against every authenticator app of a user. Returns null if it is wrong, too old, or was used before at any
 * instance.
 */
export const checkTotp = async (
  { clock, reads, secrets }: Pick<Deps, 'clock' | 'reads' | 'secrets'>,
  user: Pick<User, 'id'>,
  code: string,
): Promise<Accepted | null> => {
  const factors = await findSealedFactors(reads, user.id, 'totp')
  const time = now(clock)
  const found = await Promise.all(
    factors.map(async ({ id, sealed_secret, last_step }) => {
      const seed = unseal(secrets, sealed_secret ?? '', id)
      const step = seed && (await matchingStep(seed, code, { time, lastStep: Number(last_step) }))
      return step === null ? [] : [{ id, step }]
    }),
  )
  const [match] = found.flat()
  if (!match) return null
  const { id: factorId, step } = match
  return {
    factorId,
    amr: ['otp'],
    consume: async manager => ((await useStep(manager, factorId, step)) ? [] : null),
  }
}
