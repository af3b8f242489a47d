import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { readAmr } from './authentication.ts'
import { type RefreshToken, secretHash } from './refresh-token.ts'
import type { SessionState } from './types.ts'

/** The refresh token that a session expects next. Times in milliseconds. */
type CurrentToken = SessionState & { issuedAt: number; expiresAt: number }

/**
 * Finds whether a refresh token is the one that its session expects next, without using it: the token is not exchanged, the
 * session is not prolonged, and a token that was used before is not reported as theft. A resource server that shows an old
 * token must not be able to end a session by that.
 */
export const findRefreshToken = async (
  { redis, keys, clock }: Pick<Deps, 'redis' | 'keys' | 'clock'>,
  { userId, sessionId, secret }: RefreshToken,
): Promise<CurrentToken | null> => {
  const [current, epoch, authTime, createdAt, rotatedAt, idleUntil, amr] = await redis.hmget(
    keys.session(userId, sessionId),
    'current',
    'epoch',
    'auth_time',
    'created_at',
    'rotated_at',
    'idle_until',
    'amr',
  )
  const expiresAt = Number(idleUntil)
  if (current !== secretHash(secret) || now(clock) >= expiresAt) return null
  return {
    epoch: Number(epoch),
    authTime: Number(authTime),
    amr: readAmr(amr),
    issuedAt: Number(rotatedAt ?? createdAt),
    expiresAt,
  }
}
