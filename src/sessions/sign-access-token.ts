import type { User } from '../accounts/entity.ts'
import { now } from '../base/clock.ts'
import { signToken } from '../crypto/paseto.ts'
import type { Deps } from '../deps.ts'

/**
 * Issues the short-lived token that any service verifies offline (PASETO v4.public). Its claims are
 * readable to whoever holds it. `authTime` in milliseconds.
 */
export const signAccessToken = async (
  deps: Pick<Deps, 'config' | 'clock' | 'ring'>,
  session: { user: User; sessionId: string; authTime: number },
): Promise<string> => {
  const { config, clock, ring } = deps
  const { user } = session
  const claims = {
    iss: config.PUBLIC_URL,
    aud: config.PUBLIC_URL,
    sub: user.id,
    sid: session.sessionId,
    email: user.email,
    email_verified: user.email_verified,
    roles: user.roles,
    amr: ['pwd'],
    auth_time: new Date(session.authTime).toISOString(),
    ...(user.full_name !== null && { name: user.full_name }),
    ...(user.preferred_language !== null && { lang: user.preferred_language }),
  }
  const issuedAt = new Date(now(clock))
  return signToken(ring.signing(), claims, { now: issuedAt, ttlSeconds: config.ACCESS_TOKEN_TTL / 1000 })
}
