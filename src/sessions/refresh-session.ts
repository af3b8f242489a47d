import { isOpen } from '../accounts/rules.ts'
import { findUserOfSession } from '../accounts/store.ts'
import { Problem } from '../base/problems.ts'
import type { Deps } from '../deps.ts'
import { issueTokens } from './issue-tokens.ts'
import { reportReuse } from './report-reuse.ts'
import { nextSecret, type RefreshToken, secretHash, type TokenReply } from './rules.ts'
import type { Origin } from './start-session.ts'
import { condemnSession, dropSession, rotateSession } from './store.ts'

/**
 * Exchanges a refresh token for its successor and a new access token. The user is read before the token is
 * spent, so a fault of Postgres costs nobody a session; a fault of Redis in between is met by asking again.
 */
export const refreshSession = async (
  deps: Pick<
    Deps,
    'config' | 'clock' | 'log' | 'metrics' | 'database' | 'redis' | 'keys' | 'queue' | 'ring' | 'secrets'
  >,
  { token, origin }: { token: RefreshToken; origin: Origin },
): Promise<TokenReply | Problem<'INVALID_REFRESH_TOKEN'>> => {
  const { config, secrets } = deps
  const { userId, sessionId } = token
  const user = await findUserOfSession(deps.database, userId, sessionId)
  if (!user) {
    await dropSession(deps, userId, sessionId)
    return new Problem('INVALID_REFRESH_TOKEN')
  }

  const next = { userId, sessionId, secret: nextSecret(secrets, token) }
  const { outcome, expiresIn, authTime, epoch } = await rotateSession(deps, {
    userId,
    sessionId,
    presented: secretHash(token.secret),
    next: secretHash(next.secret),
    idle: config.REFRESH_TOKEN_TTL,
  })
  if (outcome === 'reused') {
    await condemnSession(deps, userId, sessionId)
    await reportReuse(deps, { user, sessionId, origin })
  }
  if (outcome === 'reused' || outcome === 'gone') return new Problem('INVALID_REFRESH_TOKEN')

  if (!isOpen(user) || epoch !== user.session_epoch) {
    await dropSession(deps, userId, sessionId)
    return new Problem('INVALID_REFRESH_TOKEN')
  }
  return issueTokens(deps, { user, token: next, authTime, expiresIn })
}
