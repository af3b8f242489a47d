import type { Deps } from '../../deps.ts'
import type { User } from '../users/entity.ts'
import type { Amr } from './authentication.ts'
import { type RefreshToken, writeRefreshToken } from './refresh-token.ts'
import type { TokenReply } from './schemas.ts'
import { signAccessToken } from './sign-access-token.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'ring'>

/** `token` is the refresh token to issue, and `expiresIn` its life. Times in milliseconds. */
type Issue = {
  user: User
  token: RefreshToken
  audience: string
  authTime: number
  amr: readonly Amr[]
  expiresIn: number
}

/** The access and refresh token of a session, as in the reply to its client. */
export const issueTokens = (deps: Needs, issue: Issue): TokenReply => ({
  access_token: signAccessToken(deps, { ...issue, sessionId: issue.token.sessionId }),
  token_type: 'Bearer',
  expires_in: deps.config.ACCESS_TOKEN_TTL / 1000,
  refresh_token: writeRefreshToken(issue.token),
  refresh_expires_in: Math.floor(issue.expiresIn / 1000),
  session_id: issue.token.sessionId,
})
