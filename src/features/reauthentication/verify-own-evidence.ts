import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { factorsInSession } from '../factors/attempt-counter.ts'
import type { Evidence } from '../factors/evidence.ts'
import type { Accepted } from '../factors/types.ts'
import { verifyEvidence } from '../factors/verify-evidence.ts'
import { resetCounter } from '../lockout/store.ts'
import { verifyCurrentPassword } from '../lockout/verify-current-password.ts'
import { type SecondEvidence, secondMethods } from '../login/second-step.ts'
import type { User } from '../users/types.ts'
import { hasFactor } from '../users/user-state.ts'
import { reauthenticationCeremony } from './reauthentication-ceremony.ts'
import { refuseEvidence } from './refuse-evidence.ts'

/** Right evidence. `resetAttempts` resets the count of wrong evidence. Call it after the effect has been stored. */
export type Verified = Pick<Accepted, 'amr' | 'consume'> & { resetAttempts: () => Promise<void> }

type Needs = Parameters<typeof verifyEvidence>[0] &
  Parameters<typeof verifyCurrentPassword>[0] &
  Pick<Deps, 'log'>

type Request<E> = { user: User; sessionId: string; evidence: E; origin: Origin }

type Refusal = Problem<
  | 'MFA_REQUIRED'
  | 'NO_PASSWORD'
  | 'INVALID_CURRENT_PASSWORD'
  | 'INVALID_MFA_CODE'
  | 'INVALID_PASSKEY'
  | 'RATE_LIMIT_EXCEEDED'
>

/** Checks the evidence by which the user of a session authenticates again. Wrong evidence counts as a guess of this session, and is audited. */
export const verifyOwnEvidence = (
  deps: Needs,
  request: Request<SecondEvidence>,
): Promise<Verified | Refusal> => {
  const { evidence } = request
  return 'password' in evidence
    ? verifyPassword(deps, { ...request, evidence })
    : verifyFactor(deps, { ...request, evidence })
}

// The password of a user with a second factor is not compared: a thief who knows it would learn that it is right.
const verifyPassword = async (
  deps: Needs,
  { user, sessionId, evidence, origin }: Request<{ password: string }>,
): Promise<Verified | Refusal> => {
  if (hasFactor(user))
    return new Problem('MFA_REQUIRED', { members: { methods: secondMethods(user, ['pwd']) } })
  if (user.password_hash === null) return new Problem('NO_PASSWORD')
  const refusal = await verifyCurrentPassword(deps, { user, sessionId, ...evidence, origin })
  return refusal ?? { amr: ['pwd'], consume: async () => [], resetAttempts: async () => {} }
}

const verifyFactor = async (
  deps: Needs,
  { user, sessionId, evidence, origin }: Request<Evidence>,
): Promise<Verified | Refusal> => {
  const counter = factorsInSession(user.id, sessionId)
  const ceremony = reauthenticationCeremony(user, sessionId)
  const accepted = await verifyEvidence(deps, { user, evidence, ceremony, counter, origin })
  if (!(accepted instanceof Problem)) return { ...accepted, resetAttempts: () => resetCounter(deps, counter) }
  return accepted.code === 'RATE_LIMIT_EXCEEDED'
    ? accepted
    : refuseEvidence(deps, { user, sessionId, evidence, origin })
}
