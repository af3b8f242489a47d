import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { startDelivery } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import { lockOwner } from '../factors/lock-owner.ts'
import type { SecondEvidence } from '../login/second-step.ts'
import { combineAmr } from '../sessions/authentication.ts'
import { signAccessToken } from '../sessions/sign-access-token.ts'
import { putAuthentication } from '../sessions/store.ts'
import type { SessionState } from '../sessions/types.ts'
import type { User } from '../users/types.ts'
import { refuseEvidence } from './refuse-evidence.ts'
import { type Verified, verifyOwnEvidence } from './verify-own-evidence.ts'

type Needs = Parameters<typeof verifyOwnEvidence>[0] &
  Parameters<typeof signAccessToken>[0] &
  Pick<Deps, 'queue'>

type Request = {
  user: User
  sessionId: string
  session: SessionState
  evidence: SecondEvidence
  /** The audience of the new access token. */
  audience: string
  origin: Origin
}

type Refusal = Extract<Awaited<ReturnType<typeof verifyOwnEvidence>>, Problem>

/**
 * Checks that the user of a session is still the one who signed in, and makes the session fresh. A factor also raises its
 * level: the session keeps every method by which its user has authenticated. Returns an access token with the new time and
 * level.
 *
 * The event is stored first: if Redis fails after it, the trail has one entry too many, but no session is fresh without one.
 */
export const reauthenticate = async (
  deps: Needs,
  { user, sessionId, session, evidence, audience, origin }: Request,
): Promise<{ accessToken: string } | Refusal | Problem<'SESSION_REVOKED'>> => {
  const verified = await verifyOwnEvidence(deps, { user, sessionId, evidence, origin })
  if (verified instanceof Problem) return verified
  const recorded = await recordReauthentication(deps, user, { sessionId, verified, origin }).catch(
    async error => {
      // Right codes that a store could not record must not make the user wait, as wrong ones do.
      await verified.resetAttempts().catch(() => {})
      throw error
    },
  )
  if (recorded === 'ended') return new Problem('SESSION_REVOKED')
  if (recorded === 'used') {
    // A password is never used up.
    if ('password' in evidence) return new Problem('INVALID_CURRENT_PASSWORD')
    return refuseEvidence(deps, { user, sessionId, evidence, origin })
  }
  await startDelivery(deps, [...recorded.emailIds])
  const authTime = now(deps.clock)
  const amr = combineAmr(session.amr, verified.amr)
  const of = { userId: user.id, sessionId, epoch: user.session_epoch }
  const [isLive] = await Promise.all([
    putAuthentication(deps, of, { authTime, amr }),
    verified.resetAttempts(),
  ])
  if (!isLive) return new Problem('SESSION_REVOKED')
  return { accessToken: signAccessToken(deps, { user: recorded.user, sessionId, audience, authTime, amr }) }
}

type Recorded = { user: User; emailIds: readonly string[] }

// A reset, a change of password or a deactivation that ran during the comparison ends the session. The old password must
// then open nothing, not even for the life of one access token. `used`: another request has used up the evidence.
const recordReauthentication = (
  { database }: Needs,
  user: User,
  { sessionId, verified, origin }: { sessionId: string; verified: Verified; origin: Origin },
): Promise<Recorded | 'ended' | 'used'> =>
  database.transaction(async manager => {
    const current = await lockOwner(manager, user)
    if (!current) return 'ended'
    const emailIds = await verified.consume(manager)
    if (!emailIds) return 'used'
    const data = { amr: [...verified.amr] }
    await recordEvent(manager, { type: 'user.reauthenticated', userId: user.id, sessionId, origin, data })
    return { user: current, emailIds }
  })
