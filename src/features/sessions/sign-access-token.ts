import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { isoTime } from '../../platform/base/iso-time.ts'
import { signToken } from '../../platform/crypto/paseto.ts'
import type { User } from '../users/entity.ts'
import { type Amr, acrOf } from './authentication.ts'

type Issue = { user: User; sessionId: string; audience: string; authTime: number; amr: readonly Amr[] }

/**
 * The access token of a session. `authTime` is in milliseconds. Any service can verify the token offline (PASETO v4.public).
 * Its claims are not encrypted: they must hold no secret.
 */
export const signAccessToken = (
  { config, clock, ring }: Pick<Deps, 'config' | 'clock' | 'ring'>,
  { user, sessionId, audience, authTime, amr }: Issue,
): string => {
  const claims = {
    iss: config.PUBLIC_URL,
    aud: audience,
    sub: user.id,
    sid: sessionId,
    email: user.email,
    email_verified: user.email_verified,
    roles: user.roles,
    amr: [...amr],
    acr: acrOf(amr),
    auth_time: isoTime(authTime),
    ...(user.full_name !== null && { name: user.full_name }),
    ...(user.preferred_language !== null && { lang: user.preferred_language }),
  }
  const issuedAt = new Date(now(clock))
  return signToken(ring.signing(), claims, { now: issuedAt, ttlSeconds: config.ACCESS_TOKEN_TTL / 1000 })
}
