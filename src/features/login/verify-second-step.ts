import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { RequestDevice } from '../devices/find-request-device.ts'
import { factorsAtDevice } from '../factors/attempt-counter.ts'
import { type Evidence, evidenceKind } from '../factors/evidence.ts'
import type { Accepted } from '../factors/types.ts'
import { verifyEvidence } from '../factors/verify-evidence.ts'
import { resetCounter } from '../lockout/store.ts'
import type { Amr } from '../sessions/authentication.ts'
import { findHashesInUse } from '../users/store.ts'
import type { User } from '../users/types.ts'
import { checkLoginPassword } from './check-login-password.ts'
import { secondStepCeremony } from './mfa-token.ts'
import { type SecondEvidence, secondMethodOf, secondMethods } from './second-step.ts'

type Needs = Parameters<typeof verifyEvidence>[0] &
  Parameters<typeof checkLoginPassword>[0] &
  Pick<Deps, 'reads'>

type Presented<E> = {
  found: User
  /** The methods of the first step. */
  firstAmr: readonly Amr[]
  evidence: E
  device: RequestDevice
  /** The secret of the token of the sign-in. */
  secret: Uint8Array
  origin: Origin
}

type Verified = {
  amr: readonly Amr[]
  /** What the sign-in uses up. */
  factor?: Accepted
  /** Another hash of the password, to store. */
  newHash?: string
  /** Resets the counter of wrong evidence, once the sign-in is stored. */
  resetAttempts: () => Promise<void>
}

type Refusal = Problem<'INVALID_MFA_CODE' | 'INVALID_PASSKEY' | 'INVALID_CREDENTIALS' | 'RATE_LIMIT_EXCEEDED'>

/** Checks the evidence of a second step. The method must be one that the first step offered. */
export const verifySecondStep = async (
  deps: Needs,
  { evidence, ...rest }: Presented<SecondEvidence>,
): Promise<Verified | Refusal> => {
  const isOffered = secondMethods(rest.found, rest.firstAmr).includes(secondMethodOf(evidence))
  if ('password' in evidence)
    return isOffered ? verifyPassword(deps, { ...rest, evidence }) : new Problem('INVALID_CREDENTIALS')
  return isOffered ? verifyFactor(deps, { ...rest, evidence }) : new Problem(evidenceKind(evidence).refusal)
}

const verifyFactor = async (
  deps: Needs,
  { found, evidence, device, secret, origin }: Presented<Evidence>,
): Promise<Verified | Refusal> => {
  const counter = factorsAtDevice(found.id, device)
  const ceremony = secondStepCeremony(found.id, secret)
  const factor = await verifyEvidence(deps, { user: found, evidence, ceremony, counter, origin })
  if (factor instanceof Problem) return factor
  return { amr: factor.amr, factor, resetAttempts: () => resetCounter(deps, counter) }
}

// Only where the first step was a passkey that did not check the user. A password alone is never a second step.
const verifyPassword = async (
  deps: Needs,
  { found, evidence: { password }, device, origin }: Presented<{ password: string }>,
): Promise<Verified | Refusal> => {
  const inUse = await findHashesInUse(deps.reads)
  const { email } = found
  const checked = await checkLoginPassword(deps, { email, found, password, device, inUse, origin })
  if (checked instanceof Problem) return checked
  const { counter, needsRehash } = checked
  const newHash = needsRehash ? { newHash: await deps.hasher.hash(password, { next: true }) } : {}
  return { amr: ['pwd'], ...newHash, resetAttempts: () => resetCounter(deps, counter) }
}
