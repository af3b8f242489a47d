import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { endSession } from '../sessions/end-session.ts'
import { readRefreshToken } from '../sessions/refresh-token.ts'

type Needs = Parameters<typeof endSession>[0] & Pick<Deps, 'secrets' | 'checkAnyToken'>

type Session = { userId: string; sessionId: string }

/**
 * Ends the session of an access or refresh token, also of one that has expired or was exchanged, as a logout does. A token
 * that is unknown or belongs to an ended session is no error (RFC 7009, section 2.2).
 *
 * A machine client has no session: its token is `unsupported`, and ends when the client is revoked. `origin` names the client
 * that asks, as the audit event does.
 */
export const revokeToken = async (
  deps: Needs,
  { token, origin }: { token: string; origin: Origin },
): Promise<'revoked' | 'unsupported'> => {
  const session = await sessionOf(deps, token)
  if (session === 'unsupported') return session
  if (session) await endSession(deps, { ...session, origin })
  return 'revoked'
}

const sessionOf = async (deps: Needs, token: string): Promise<Session | 'unsupported' | null> => {
  const refresh = readRefreshToken(deps.secrets, token)
  if (refresh) return refresh
  const checked = await deps.checkAnyToken(token, new Date(now(deps.clock)))
  if (checked === 'invalid') return null
  const { sub: userId, sid: sessionId } = checked.claims
  return sessionId === undefined ? 'unsupported' : { userId, sessionId }
}
