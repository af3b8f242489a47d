import type { Origin } from '../../platform/base/origin.ts'
import { wrongFactors } from '../../platform/catalog/limits.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { recordEvent } from '../audit/record-event.ts'
import { type ChallengeId, guessChallenge, refundGuess, takeChallenge } from '../challenges/store.ts'
import { deviceId } from '../devices/device-id.ts'
import { findDevice } from '../devices/store.ts'
import { type Amr, combineAmr, readAmr } from '../sessions/authentication.ts'
import type { SessionReply } from '../sessions/schemas.ts'
import type { User } from '../users/entity.ts'
import { findUser } from '../users/store.ts'
import { isActive } from '../users/user-state.ts'
import { completeLogin } from './complete-login.ts'
import { readMfaToken } from './mfa-token.ts'
import { type SecondEvidence, secondMethodOf } from './second-step.ts'
import { verifySecondStep } from './verify-second-step.ts'

type Needs = Parameters<typeof verifySecondStep>[0] & Parameters<typeof completeLogin>[0]

type Request = {
  mfaToken: string
  evidence: SecondEvidence
  audience: string
  origin: Origin & { network: string }
}

/** `isExemptFromIpLimit`: the request came from a device that has signed in before. */
type Completed = { session: SessionReply; isExemptFromIpLimit: boolean }

type Refusal = Problem<
  'INVALID_TOKEN' | 'INVALID_MFA_CODE' | 'INVALID_PASSKEY' | 'INVALID_CREDENTIALS' | 'RATE_LIMIT_EXCEEDED'
>

/**
 * Completes a sign-in by its second step. Of several requests with one token, one gets a session: right evidence consumes
 * the token before the session is made. The code is used up in the transaction of the sign-in, so a failure before it costs the
 * token, but no code.
 */
export const completeSecondStep = async (
  deps: Needs,
  { mfaToken, evidence, audience, origin }: Request,
): Promise<Completed | Refusal> => {
  const secret = readMfaToken(mfaToken)
  if (!secret) return new Problem('INVALID_TOKEN')
  const token: ChallengeId = { kind: 'mfa', secret }
  const pending = await findPending(deps, token, evidence)
  if (!pending) return new Problem('INVALID_TOKEN')
  const { found, firstAmr } = pending
  const id = deviceId(origin)
  const device = { id, ...(await findDevice(deps, found.id, id)) }
  const verified = await verifySecondStep(deps, { found, firstAmr, evidence, device, secret, origin })
  if (verified instanceof Problem) {
    // While the account waits, nothing was checked.
    if (verified.code === 'RATE_LIMIT_EXCEEDED') await refundGuess(deps, token)
    else await recordFailure(deps, { found, evidence, origin })
    return verified
  }
  if (!(await takeChallenge(deps, token))) return new Problem('INVALID_TOKEN')
  const { amr: secondAmr, resetAttempts, ...rest } = verified
  // A second step is never the authenticator of the first one again. So the session has two, whichever they are.
  const amr = combineAmr(firstAmr, secondAmr, ['mfa'])
  const session = await completeLogin(deps, { ...rest, found, amr, device, audience, origin })
  if (!session) return new Problem('INVALID_TOKEN')
  await resetAttempts()
  return { session, isExemptFromIpLimit: device.signedIn }
}

/**
 * The sign-in that a token belongs to, for one guess. A reset of the password, a change of the factors and the end of all
 * sessions raise the epoch of the user, and so end the token.
 */
const findPending = async (
  deps: Needs,
  token: ChallengeId,
  evidence: SecondEvidence,
): Promise<{ found: User; firstAmr: Amr[] } | null> => {
  // A passkey cannot be guessed.
  const counts = !('credential' in evidence)
  const challenge = await guessChallenge(deps, token, wrongFactors.perLogin, { counts })
  const found = challenge && (await findUser(deps.reads, challenge.user_id ?? ''))
  if (!found || !isActive(found) || String(found.session_epoch) !== challenge.epoch) return null
  return { found, firstAmr: readAmr(challenge.amr) }
}

const recordFailure = async (
  { database }: Needs,
  { found, evidence, origin }: { found: User; evidence: SecondEvidence; origin: Origin },
): Promise<void> => {
  const data = { method: secondMethodOf(evidence) }
  await recordEvent(database.manager, { type: 'login.mfa_failed', userId: found.id, origin, data })
}
