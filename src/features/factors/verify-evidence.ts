import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { AttemptCounter } from '../lockout/attempt-counter.ts'
import { countAttempt, refundAttempt } from '../lockout/store.ts'
import type { User } from '../users/types.ts'
import type { Ceremony } from '../webauthn/ceremony.ts'
import { checkPasskey } from './check-passkey.ts'
import { checkRecoveryCode } from './check-recovery-code.ts'
import { checkTotp } from './check-totp.ts'
import { type Evidence, evidenceKind } from './evidence.ts'
import type { Accepted } from './types.ts'

type Needs = Parameters<typeof checkTotp>[0] &
  Parameters<typeof checkRecoveryCode>[0] &
  Parameters<typeof checkPasskey>[0] &
  Pick<Deps, 'clock' | 'metrics'>

type Request = {
  user: User
  evidence: Evidence
  /** What the answer of a passkey must belong to. */
  ceremony: Ceremony
  /** Counts wrong codes: see `attempt-counter.ts`. */
  counter: AttemptCounter
  origin: Origin
}

const check = (deps: Needs, { user, evidence, ceremony, origin }: Request): Promise<Accepted | null> => {
  if ('code' in evidence) return checkTotp(deps, user, evidence.code)
  if ('recovery_code' in evidence)
    return checkRecoveryCode(deps, { user, code: evidence.recovery_code, origin })
  return checkPasskey(deps, ceremony, evidence.credential)
}

/**
 * Checks evidence of a second factor of a user. A code is counted as a guess before it is checked, so that simultaneous
 * guesses cannot pass the limit together. RATE_LIMITS does not change that.
 *
 * The caller consumes the evidence in the transaction of what it allows, and then calls `resetCounter`.
 */
export const verifyEvidence = async (
  deps: Needs,
  request: Request,
): Promise<Accepted | Problem<'INVALID_MFA_CODE' | 'INVALID_PASSKEY' | 'RATE_LIMIT_EXCEEDED'>> => {
  const { counter } = request
  const { method, refusal, canBeGuessed } = evidenceKind(request.evidence)
  const count = (outcome: 'right' | 'wrong' | 'limited') =>
    deps.metrics.count(counters.second_factors, { method, outcome })
  const attempt = canBeGuessed ? await countAttempt(deps, counter) : null
  if (attempt && attempt.wait > 0) {
    count('limited')
    return new Problem('RATE_LIMIT_EXCEEDED', { retryAfter: Math.ceil(attempt.wait / 1000) })
  }
  const accepted = await check(deps, request).catch(async error => {
    // The failure of a store must not count as a wrong code.
    if (attempt) await refundAttempt(deps, counter, attempt.id)
    throw error
  })
  count(accepted ? 'right' : 'wrong')
  return accepted ?? new Problem(refusal)
}
