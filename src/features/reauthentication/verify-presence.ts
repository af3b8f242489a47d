import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Evidence } from '../factors/evidence.ts'
import type { Accepted } from '../factors/types.ts'
import { verifyEvidence } from '../factors/verify-evidence.ts'
import { factorsInSession, resetWrongFactors } from '../factors/wrong-factors.ts'
import { verifyCurrentPassword } from '../lockout/verify-current-password.ts'
import { secondMethods } from '../login/second-step.ts'
import type { User } from '../users/types.ts'
import { hasFactor } from '../users/user-state.ts'
import { reauthenticationCeremony } from './reauthentication-ceremony.ts'
import { refuseEvidence } from './refuse-evidence.ts'

/** What the user of a session shows: the password, or a factor. */
export type Presence = Evidence | { password: string }

/** Right evidence. `settle` resets the count of wrong attempts. Call it after the effect has been stored. */
export type Present = Pick<Accepted, 'amr' | 'consume'> & { settle: () => Promise<void> }

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

/** Checks what the user of a session shows. Wrong evidence counts as a guess of this session, and is audited. */
export const verifyPresence = (deps: Needs, request: Request<Presence>): Promise<Present | Refusal> => {
  const { evidence } = request
  return 'password' in evidence
    ? verifyPassword(deps, { ...request, evidence })
    : verifyFactor(deps, { ...request, evidence })
}

// The password of a user with a second factor is not compared: a thief who knows it would learn that it is right.
const verifyPassword = async (
  deps: Needs,
  { user, sessionId, evidence, origin }: Request<{ password: string }>,
): Promise<Present | Refusal> => {
  if (hasFactor(user))
    return new Problem('MFA_REQUIRED', { members: { methods: secondMethods(user, ['pwd']) } })
  if (user.password_hash === null) return new Problem('NO_PASSWORD')
  const refusal = await verifyCurrentPassword(deps, { user, sessionId, ...evidence, origin })
  return refusal ?? { amr: ['pwd'], consume: async () => [], settle: async () => {} }
}

const verifyFactor = async (
  deps: Needs,
  { user, sessionId, evidence, origin }: Request<Evidence>,
): Promise<Present | Refusal> => {
  const counter = factorsInSession(user.id, sessionId)
  const ceremony = reauthenticationCeremony(user, sessionId)
  const accepted = await verifyEvidence(deps, { user, evidence, ceremony, counter, origin })
  if (!(accepted instanceof Problem)) return { ...accepted, settle: () => resetWrongFactors(deps, counter) }
  return accepted.code === 'RATE_LIMIT_EXCEEDED'
    ? accepted
    : refuseEvidence(deps, { user, sessionId, evidence, origin })
}
