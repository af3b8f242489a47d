import { now } from '../../platform/base/clock.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { recordEvent } from '../audit/record-event.ts'
import { verifyCurrentPassword } from '../lockout/verify-current-password.ts'
import { combineAmr } from '../sessions/authentication.ts'
import { signAccessToken } from '../sessions/sign-access-token.ts'
import { putAuthentication, type SessionState } from '../sessions/store.ts'
import { type User, Users } from '../users/entity.ts'
import { isActive } from '../users/user-state.ts'

type Needs = Parameters<typeof verifyCurrentPassword>[0] & Parameters<typeof signAccessToken>[0]

type Request = {
  user: User
  sessionId: string
  session: SessionState
  evidence: { password: string }
  /** The audience of the new access token. */
  audience: string
  origin: Origin
}

/**
 * Checks that the user of a session is still the one who signed in, and makes the session fresh. Returns an access token with
 * the new time. A wrong password counts as a guess, in the same counter as every other password that this session sends.
 *
 * The event is stored first: if Redis fails after it, the trail has one entry too many, but no session is fresh without one.
 */
export const reauthenticate = async (
  deps: Needs,
  { user, sessionId, session, evidence, audience, origin }: Request,
): Promise<
  | { accessToken: string }
  | Problem<'NO_PASSWORD' | 'INVALID_CURRENT_PASSWORD' | 'RATE_LIMIT_EXCEEDED' | 'SESSION_REVOKED'>
> => {
  if (user.password_hash === null) return new Problem('NO_PASSWORD')
  const refusal = await verifyCurrentPassword(deps, { user, sessionId, password: evidence.password, origin })
  if (refusal) return refusal
  const current = await recordReauthentication(deps, user, { sessionId, origin })
  if (!current) return new Problem('SESSION_REVOKED')
  const authTime = now(deps.clock)
  const amr = combineAmr(session.amr, ['pwd'])
  const of = { userId: user.id, sessionId, epoch: user.session_epoch }
  const isLive = await putAuthentication(deps, of, { authTime, amr })
  if (!isLive) return new Problem('SESSION_REVOKED')
  return { accessToken: signAccessToken(deps, { user: current, sessionId, audience, authTime, amr }) }
}

// A reset, a change of password or a deactivation that ran during the comparison ends the session. The old password must
// then open nothing, not even for the life of one access token.
const recordReauthentication = (
  { database }: Needs,
  user: User,
  { sessionId, origin }: { sessionId: string; origin: Origin },
): Promise<User | null> =>
  database.transaction(async manager => {
    const current = await manager.findOne(Users, {
      where: { id: user.id, session_epoch: user.session_epoch },
      lock: { mode: 'pessimistic_read' },
    })
    if (!current || !isActive(current)) return null
    await recordEvent(manager, { type: 'user.reauthenticated', userId: user.id, sessionId, origin })
    return current
  })
