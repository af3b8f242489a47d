import type { IncomingMessage } from 'node:http'
import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { challenge } from '../../platform/catalog/challenges.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { onlyFor } from '../../platform/crypto/paseto.ts'
import { bearerOf } from '../../platform/http/bearer.ts'

export type ClaimedSession = { userId: string; sessionId: string; isExpired: boolean }

/** The client and the scopes of a genuine machine token, which is not expired. */
export type ClaimedMachine = { clientId: string; scope: string }

/** The session has ended or expired, according to Redis or Postgres. */
export const revoked = (): Problem<'SESSION_REVOKED'> =>
  new Problem('SESSION_REVOKED', challenge('invalid_token'))

/** The access token is genuine but expired. */
export const expired = (): Problem<'TOKEN_EXPIRED'> =>
  new Problem('TOKEN_EXPIRED', challenge('invalid_token'))

const invalid = () => new Problem('INVALID_TOKEN', challenge('invalid_token'))

/**
 * Checks the access token of a request offline: shape, key, signature, issuer, audience, time. Null without a token. Also
 * returns the session of an expired token: the caller checks whether it is active.
 *
 * The audience is that of Latchkey, unless a proxy asks for the service behind it.
 */
export const bearerCaller = async (
  deps: Pick<Deps, 'clock' | 'checkToken' | 'checkAnyToken'>,
  request: IncomingMessage,
  audience?: string,
): Promise<
  ClaimedSession | ClaimedMachine | null | Problem<'VALIDATION_ERROR' | 'INVALID_TOKEN' | 'TOKEN_EXPIRED'>
> => {
  const token = bearerOf(request)
  if (token === null || token instanceof Problem) return token
  const check = audience === undefined ? deps.checkToken : onlyFor(audience, deps.checkAnyToken)
  const checked = await check(token, new Date(now(deps.clock)))
  if (checked === 'invalid') return invalid()
  const { claims, isExpired } = checked
  if (claims.sid !== undefined) return { userId: claims.sub, sessionId: claims.sid, isExpired }
  return isExpired ? expired() : { clientId: claims.client_id, scope: claims.scope }
}

/** As `bearerCaller`, for a route of users: the token of a machine client is not valid there. */
export const bearerSession = async (
  deps: Pick<Deps, 'clock' | 'checkToken' | 'checkAnyToken'>,
  request: IncomingMessage,
): Promise<ClaimedSession | null | Problem<'VALIDATION_ERROR' | 'INVALID_TOKEN' | 'TOKEN_EXPIRED'>> => {
  const caller = await bearerCaller(deps, request)
  return caller !== null && 'clientId' in caller ? invalid() : caller
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
