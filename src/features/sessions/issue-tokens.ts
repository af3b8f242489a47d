import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { signToken } from '../../platform/crypto/paseto.ts'
import type { User } from '../users/entity.ts'
import { type RefreshToken, writeRefreshToken } from './refresh-token.ts'
import type { TokenReply } from './schemas.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'ring' | 'secrets'>

/** `token` is the refresh token to issue, and `expiresIn` its life. Times in milliseconds. */
type Issue = { user: User; token: RefreshToken; audience: string; authTime: number; expiresIn: number }

/** The access and refresh token of a session, as in the reply to its client. */
export const issueTokens = (deps: Needs, issue: Issue): TokenReply => ({
  access_token: signAccessToken(deps, issue),
  token_type: 'Bearer',
  expires_in: deps.config.ACCESS_TOKEN_TTL / 1000,
  refresh_token: writeRefreshToken(deps.secrets, issue.token),
  refresh_expires_in: Math.floor(issue.expiresIn / 1000),
  session_id: issue.token.sessionId,
})

// Any service can verify it offline (PASETO v4.public). Its claims are not encrypted: they must hold no secret.
const signAccessToken = (deps: Needs, { user, token, audience, authTime }: Issue): string => {
  const { config, clock, ring } = deps
  const claims = {
    iss: config.PUBLIC_URL,
    aud: audience,
    sub: user.id,
    sid: token.sessionId,
    email: user.email,
    email_verified: user.email_verified,
    roles: user.roles,
    amr: ['pwd'],
    acr: 'aal1',
    auth_time: new Date(authTime).toISOString(),
    ...(user.full_name !== null && { name: user.full_name }),
    ...(user.preferred_language !== null && { lang: user.preferred_language }),
  }
  const issuedAt = new Date(now(clock))
  return signToken(ring.signing(), claims, { now: issuedAt, ttlSeconds: config.ACCESS_TOKEN_TTL / 1000 })
}
