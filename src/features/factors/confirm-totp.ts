import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { wrongFactors } from '../../platform/catalog/limits.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { unseal } from '../../platform/crypto/seal.ts'
import { guessChallenge, refundGuess } from '../challenges/store.ts'
import { addFactor } from './add-factor.ts'
import { matchingStep, pendingTotpLife, totpChallenge } from './totp.ts'
import { confirmTotpFactor, findPendingTotp } from './totp-store.ts'
import type { Factor } from './types.ts'

type Needs = Parameters<typeof addFactor>[0] & Pick<Deps, 'reads'>

type Confirmation = Omit<Parameters<typeof addFactor>[1], 'amr' | 'put'> & {
  code: string
  name?: string | undefined
}

type Added = Exclude<Awaited<ReturnType<typeof addFactor>>, Problem>

const notWaiting = () => new Problem('NOT_FOUND', { detail: 'authenticator_app' })

/**
 * Confirms an authenticator app by its first code. From then on the user's sign-ins ask for one. The first code is used up by
 * this.
 *
 * It needs no fresh session, because a fresh one got the seed, and only that session can confirm it. After too many wrong codes
 * it cannot be confirmed any more.
 */
export const confirmTotp = async (
  deps: Needs,
  { code, name, ...addition }: Confirmation,
): Promise<Added | Problem<'INVALID_MFA_CODE' | 'NOT_FOUND' | 'SESSION_REVOKED'>> => {
  const time = now(deps.clock)
  const since = new Date(time - pendingTotpLife)
  const pending = await findPendingTotp(deps.reads, addition.user.id, since)
  if (!pending) return notWaiting()
  const challenge = totpChallenge(pending.id, addition.sessionId)
  if (!(await guessChallenge(deps, challenge, wrongFactors.perLogin))) return notWaiting()
  const seed = unseal(deps.secrets, pending.sealed_secret ?? '', pending.id)
  const step = seed && (await matchingStep(seed, code, { time, lastStep: 0 }))
  if (step === null) return new Problem('INVALID_MFA_CODE')
  const put = async (manager: EntityManager): Promise<Factor | Problem<'NOT_FOUND'>> =>
    (await confirmTotpFactor(manager, pending.id, { step, name })) ?? notWaiting()
  return addFactor(deps, { ...addition, amr: ['otp'], put }).catch(async error => {
    // A store that fails must not use up the guesses of a user who tries again.
    await refundGuess(deps, challenge).catch(() => {})
    throw error
  })
}
