import type { IncomingMessage } from 'node:http'
import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { bearerOf, challenge } from '../../platform/http/bearer.ts'
import { type RefreshToken, readRefreshToken } from './refresh-token.ts'

type Claimed = { userId: string; sessionId: string; isExpired: boolean }

/** A session whose end or expiry a store has told. */
export const revoked = (): Problem<'SESSION_REVOKED'> =>
  new Problem('SESSION_REVOKED', challenge('invalid_token'))

/** A token that was genuine and is too old. */
export const expired = (): Problem<'TOKEN_EXPIRED'> =>
  new Problem('TOKEN_EXPIRED', challenge('invalid_token'))

/**
 * Checks the access token of a request offline: shape, key, signature, issuer, audience, time. Null without one. A
 * genuine token that has expired still tells whose it is; whether its session lives is for the stores to say.
 */
export const bearerSession = async (
  deps: Pick<Deps, 'clock' | 'checkToken'>,
  request: IncomingMessage,
): Promise<Claimed | null | Problem<'VALIDATION_ERROR' | 'INVALID_TOKEN'>> => {
  const token = bearerOf(request)
  if (token === null || token instanceof Problem) return token
  const checked = await deps.checkToken(token, new Date(now(deps.clock)))
  if (checked === 'invalid') return new Problem('INVALID_TOKEN', challenge('invalid_token'))
  const { claims, isExpired } = checked
  return { userId: claims.sub, sessionId: claims.sid, isExpired }
}

/** The refresh token of a body, if these keys issued it. */
export const refreshSessionOf = (deps: Pick<Deps, 'secrets'>, body: unknown): RefreshToken | null => {
  const { refresh_token: text } = (body ?? {}) as { refresh_token?: unknown }
  return typeof text === 'string' ? readRefreshToken(deps.secrets, text) : null
}
