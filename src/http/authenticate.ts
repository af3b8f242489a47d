import type { IncomingMessage } from 'node:http'
import { now } from '../base/clock.ts'
import { Problem } from '../base/problems.ts'
import { tokenKid, verifyToken } from '../crypto/paseto.ts'
import type { Deps } from '../deps.ts'
import { type RefreshToken, readRefreshToken } from '../sessions/rules.ts'

/** Seconds that the clocks of two instances may differ by. */
const clockTolerance = 5

type Claimed = { userId: string; sessionId: string }

// RFC 6750, section 3.1: what was wrong with a token that was presented.
const challenge = (error: string) => ({
  headers: { 'WWW-Authenticate': `Bearer realm="latchkey", error="${error}"` },
})

/** A session whose end or expiry a store has told. */
export const revoked = (): Problem<'SESSION_REVOKED'> =>
  new Problem('SESSION_REVOKED', challenge('invalid_token'))

/** The one bearer token of a request; null without the header. */
const bearerOf = (request: IncomingMessage): string | null | Problem<'VALIDATION_ERROR'> => {
  const header = request.headers.authorization
  if (header === undefined) return null
  const sent = request.rawHeaders.filter(
    (name, i) => i % 2 === 0 && name.toLowerCase() === 'authorization',
  ).length
  const [, token] = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(header) ?? []
  if (sent === 1 && token) return token
  const errors = [{ path: 'Authorization', rule: 'bearer', message: 'This must be `Bearer` and one token.' }]
  return new Problem('VALIDATION_ERROR', { errors, ...challenge('invalid_request') })
}

/**
 * Checks the access token of a request offline: shape, key, signature, issuer, audience, time. Whether its session
 * lives is for the stores to say. `allowExpired` is for ending a session.
 */
export const bearerSession = async (
  deps: Pick<Deps, 'config' | 'clock' | 'ring'>,
  request: IncomingMessage,
  allowExpired = false,
): Promise<Claimed | null | Problem<'VALIDATION_ERROR' | 'INVALID_TOKEN' | 'TOKEN_EXPIRED'>> => {
  const token = bearerOf(request)
  if (token === null || token instanceof Problem) return token
  const kid = tokenKid(token)
  const key = kid && (await deps.ring.find(kid))
  if (!key) return new Problem('INVALID_TOKEN', challenge('invalid_token'))
  const { PUBLIC_URL } = deps.config
  const expected = {
    issuer: PUBLIC_URL,
    audience: PUBLIC_URL,
    now: new Date(now(deps.clock)),
    clockTolerance,
    allowExpired,
  }
  const verified = await verifyToken(key, token, expected)
  if (verified === 'invalid') return new Problem('INVALID_TOKEN', challenge('invalid_token'))
  if (verified === 'expired') return new Problem('TOKEN_EXPIRED', challenge('invalid_token'))
  return { userId: verified.claims.sub, sessionId: verified.claims.sid }
}

/** The refresh token of a body, if these keys issued it. */
export const refreshSessionOf = (deps: Pick<Deps, 'secrets'>, body: unknown): RefreshToken | null => {
  const { refresh_token: text } = (body ?? {}) as { refresh_token?: unknown }
  return typeof text === 'string' ? readRefreshToken(deps.secrets, text) : null
}
