import type { Origin } from '../../platform/base/origin.ts'
import { wrongFactors } from '../../platform/catalog/limits.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { recordEvent } from '../audit/record-event.ts'
import {
  type Challenge,
  type ChallengeId,
  guessChallenge,
  putChallenge,
  refundGuess,
  takeChallenge,
} from '../challenges/store.ts'
import { findRequestDevice } from '../devices/find-request-device.ts'
import { evidenceKind } from '../factors/evidence.ts'
import { combineAmr, readAmr } from '../sessions/authentication.ts'
import type { SessionReply } from '../sessions/schemas.ts'
import type { User } from '../users/entity.ts'
import { findUser } from '../users/store.ts'
import { isActive } from '../users/user-state.ts'
import { completeLogin } from './complete-login.ts'
import { mfaTokens } from './mfa-token.ts'
import { type SecondEvidence, secondMethodOf } from './second-step.ts'
import { verifySecondStep } from './verify-second-step.ts'

type Needs = Parameters<typeof verifySecondStep>[0] & Parameters<typeof completeLogin>[0]

type Request = {
  mfaToken: string
  evidence: SecondEvidence
  audience: string
  origin: Origin & { network: string }
}

/** How long a token works again after a store failed, in milliseconds. */
const retryLife = 60_000

/** `isExemptFromIpLimit`: the request came from a device that has signed in before. */
type Completed = { session: SessionReply; isExemptFromIpLimit: boolean }

type Refusal = Problem<
  'INVALID_TOKEN' | 'INVALID_MFA_CODE' | 'INVALID_PASSKEY' | 'INVALID_CREDENTIALS' | 'RATE_LIMIT_EXCEEDED'
>

/**
 * Completes a sign-in by its second step. Of several requests with one token, one gets a session: right evidence consumes
 * the token before the session is made. The code is used up in the transaction of the sign-in, so a failure before it costs
 * no code, and gives the token back.
 */
export const completeSecondStep = async (
  deps: Needs,
  { mfaToken, evidence, audience, origin }: Request,
): Promise<Completed | Refusal> => {
  const secret = mfaTokens.read(mfaToken)
  if (!secret) return new Problem('INVALID_TOKEN')
  const token = { kind: 'mfa', secret } as const
  const counts = 'password' in evidence || evidenceKind(evidence).canBeGuessed
  const challenge = await guessChallenge(deps, token, wrongFactors.perLogin, { counts })
  if (!challenge) return new Problem('INVALID_TOKEN')
  const refund = async () => counts && refundGuess(deps, token)
  try {
    const done = await tryEvidence(deps, { challenge, token, evidence, audience, origin })
    // While the account waits, nothing was checked.
    if (done instanceof Problem && done.code === 'RATE_LIMIT_EXCEEDED') await refund()
    return done
  } catch (error) {
    // A store that fails must not use up the guesses of a user who tries again.
    await refund().catch(() => {})
    throw error
  }
}

type Guess = Omit<Request, 'mfaToken'> & { challenge: Challenge; token: ChallengeId }

const tryEvidence = async (
  deps: Needs,
  { challenge, token, evidence, audience, origin }: Guess,
): Promise<Completed | Refusal> => {
  const found = await findWaiting(deps, challenge)
  if (!found) return new Problem('INVALID_TOKEN')
  const firstAmr = readAmr(challenge.amr)
  const device = await findRequestDevice(deps, found.id, origin)
  const presented = { found, firstAmr, evidence, device, secret: token.secret, origin }
  const verified = await verifySecondStep(deps, presented)
  if (verified instanceof Problem) {
    if (verified.code !== 'RATE_LIMIT_EXCEEDED') await recordFailure(deps, { found, evidence, origin })
    return verified
  }
  if (!(await takeChallenge(deps, token))) return new Problem('INVALID_TOKEN')
  const { amr: secondAmr, resetAttempts, ...rest } = verified
  // A second step is never the authenticator of the first one again. So the session has two, whichever they are.
  const amr = combineAmr(firstAmr, secondAmr, ['mfa'])
  const session = await completeLogin(deps, { ...rest, found, amr, device, audience, origin }).catch(
    async error => {
      // A store that fails must not end the sign-in of a user who tries again.
      await putChallenge(deps, token, challenge, retryLife).then(resetAttempts, () => {})
      throw error
    },
  )
  if (!session) return new Problem('INVALID_TOKEN')
  await resetAttempts()
  return { session, isExemptFromIpLimit: device.signedIn }
}

/**
 * The user whose sign-in waits for its second step. A reset of the password, a change of the factors and the end of all
 * sessions raise the epoch of the user, and so end the sign-in.
 */
const findWaiting = async ({ reads }: Needs, challenge: Challenge): Promise<User | null> => {
  const found = await findUser(reads, challenge.user_id ?? '')
  return found && isActive(found) && String(found.session_epoch) === challenge.epoch ? found : null
}

const recordFailure = async (
  { database }: Needs,
  { found, evidence, origin }: { found: User; evidence: SecondEvidence; origin: Origin },
): Promise<void> => {
  const data = { method: secondMethodOf(evidence) }
  await recordEvent(database.manager, { type: 'login.mfa_failed', userId: found.id, origin, data })
}
