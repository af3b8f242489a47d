import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { configuredLimit, type Limit } from '../../platform/catalog/limits.ts'
import { keysOfSecret } from '../../platform/crypto/secrets.ts'
import type { Quota } from '../../platform/limits/limiter.ts'
import { announce } from '../revocations/store.ts'
import { findUserOfSession } from '../users/store.ts'
import { isActive, mustVerify } from '../users/user-state.ts'
import { issueTokens } from './issue-tokens.ts'
import { nextToken, type RefreshToken, secretHash } from './refresh-token.ts'
import { removeSession } from './remove-session.ts'
import { reportReuse } from './report-reuse.ts'
import { rotateSession } from './rotation-store.ts'
import type { TokenReply } from './schemas.ts'
import { settleEpoch } from './settle-epoch.ts'
import { markSessionStolen } from './store.ts'

/**
 * `ended`: the session has ended. `reused`: the token was exchanged before, so the session ends now. `unverified`: the
 * address must be verified first, and the token stays valid.
 */
type Refreshed =
  | { outcome: 'refreshed'; tokens: TokenReply; quotas: Quota[] }
  | { outcome: 'limited'; quotas: Quota[] }
  | { outcome: 'unverified' }
  | { outcome: 'reused' }
  | { outcome: 'ended' }

type Needs = Parameters<typeof issueTokens>[0] &
  Parameters<typeof reportReuse>[0] &
  Pick<Deps, 'reads' | 'redis' | 'keys' | 'secrets'>

/**
 * Exchanges a refresh token for its successor and a new access token. It reads the user before the exchange, so that an
 * outage of Postgres signs no one out. After an outage of Redis the client can retry with the same token.
 *
 * `limit` counts the exchanges of a session. A reused token ends the session even above that limit. `audience` is that of
 * the access token, and has no influence on the successor.
 */
export const refreshSession = async (
  deps: Needs,
  { token, audience, limit, origin }: { token: RefreshToken; audience: string; limit: Limit; origin: Origin },
): Promise<Refreshed> => {
  const { config, secrets } = deps
  const { userId, sessionId } = token
  const user = await findUserOfSession(deps.reads, userId, sessionId)
  if (!user) {
    await removeSession(deps, userId, sessionId)
    return { outcome: 'ended' }
  }

  const next = nextToken(token, secrets.current)
  const rotation = {
    userId,
    sessionId,
    idle: config.REFRESH_TOKEN_TTL,
    presented: secretHash(token.secret),
    presentedSecretId: token.keys.id,
    next: secretHash(next.secret),
    nextSecretId: next.keys.id,
    isUnverified: mustVerify(user, config),
  }
  const counted = config.RATE_LIMITS === 'off' ? null : configuredLimit(config.RATE_LIMITS, limit)
  const rotated = await rotateSession(deps, rotation, counted)
  const { outcome, expiresIn, quotas } = rotated
  if (outcome === 'reused') {
    await announce(deps, { sub: userId, sessionIds: [sessionId], before: null })
    await markSessionStolen(deps, userId, sessionId)
    await reportReuse(deps, { user, sessionId, origin })
    return { outcome }
  }
  if (outcome === 'gone') return { outcome: 'ended' }

  const settled = await settleEpoch(deps, token, { user, session: rotated })
  if (!settled || !isActive(settled.user)) {
    await removeSession(deps, userId, sessionId)
    return { outcome: 'ended' }
  }
  if (outcome === 'unverified') return { outcome: 'unverified' }
  if (outcome === 'limited') return { outcome, quotas }
  const keys = keysOfSecret(secrets, rotated.secretId)
  // Another instance made the successor under a secret that this one does not have: only that instance can repeat it.
  if (!keys) return { outcome: 'ended' }
  const { authTime, amr } = settled.session
  const issued = keys === next.keys ? next : nextToken(token, keys)
  const tokens = issueTokens(deps, { user: settled.user, token: issued, audience, authTime, amr, expiresIn })
  return { outcome: 'refreshed', tokens, quotas }
}
