import type { IncomingMessage } from 'node:http'
import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { bearerOf, challenge } from '../../platform/http/bearer.ts'
import { type RefreshToken, readRefreshToken } from './refresh-token.ts'

type ClaimedSession = { userId: string; sessionId: string; isExpired: boolean }

/** The session has ended or expired, according to Redis or Postgres. */
export const revoked = (): Problem<'SESSION_REVOKED'> =>
  new Problem('SESSION_REVOKED', challenge('invalid_token'))

/** The access token is genuine but expired. */
export const expired = (): Problem<'TOKEN_EXPIRED'> =>
  new Problem('TOKEN_EXPIRED', challenge('invalid_token'))

/**
 * Checks the access token of a request offline: shape, key, signature, issuer, audience, time. Null without a token. Also
 * returns the session of an expired token: the caller checks whether it is active.
 */
export const bearerSession = async (
  deps: Pick<Deps, 'clock' | 'checkToken'>,
  request: IncomingMessage,
): Promise<ClaimedSession | null | Problem<'VALIDATION_ERROR' | 'INVALID_TOKEN'>> => {
  const token = bearerOf(request)
  if (token === null || token instanceof Problem) return token
  const checked = await deps.checkToken(token, new Date(now(deps.clock)))
  if (checked === 'invalid') return new Problem('INVALID_TOKEN', challenge('invalid_token'))
  const { claims, isExpired } = checked
  // A machine client has no session: no route of users accepts its token.
  if (claims.sid === undefined) return new Problem('INVALID_TOKEN', challenge('invalid_token'))
  return { userId: claims.sub, sessionId: claims.sid, isExpired }
}

/**
 * Whether a request carries a genuine token that belongs to no session here: one for another service, or that of a machine
 * client. Its holder would believe that a logout with it ended a session.
 */
export const isBearerOfOther = async (
  deps: Pick<Deps, 'clock' | 'checkAnyToken'>,
  request: IncomingMessage,
): Promise<boolean> => {
  const token = bearerOf(request)
  if (typeof token !== 'string') return false
  return (await deps.checkAnyToken(token, new Date(now(deps.clock)))) !== 'invalid'
}

/** The refresh token of a request body, if it was issued with our keys. */
export const refreshTokenOf = (deps: Pick<Deps, 'secrets'>, body: unknown): RefreshToken | null => {
  const { refresh_token: text } = (body ?? {}) as { refresh_token?: unknown }
  return typeof text === 'string' ? readRefreshToken(deps.secrets, text) : null
}
