// Guards for Hono, on every runtime that it supports. Only types of Hono are imported.
import type { Context, MiddlewareHandler } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { readFrom, writeTo } from './carrier.ts'
import type { Level } from './checks.ts'
import type { Claims } from './claims.ts'
import { type Guard, openGuards } from './guards.ts'
import type { Verifier } from './verifier.ts'

export type { Claims } from './claims.ts'

/** `c.get('auth')`: the claims, or null if `optionalAuth` let a request without a token pass. */
export type AuthVariables = { Variables: { auth: Claims | null } }

const guards = openGuards<Context<AuthVariables>>({
  authorization: c => c.req.raw.headers.get('authorization') ?? undefined,
  read: readFrom,
  write: (c, authenticated) => {
    writeTo(c, authenticated)
    c.set('auth', authenticated.auth)
  },
  requestId: c => (c as Context).get('requestId'),
})

const middleware =
  (guard: Guard<Context<AuthVariables>>): MiddlewareHandler<AuthVariables> =>
  async (c, next) => {
    const answer = await guard(c)
    if (answer) return c.body(answer.body, answer.status as ContentfulStatusCode, { ...answer.headers })
    await next()
    return undefined
  }

/** Requires a valid access token. */
export const requireAuth = (verifier: Verifier): MiddlewareHandler<AuthVariables> =>
  middleware(guards.requireAuth(verifier))

/** Accepts a request without a token too. An invalid token is refused. */
export const optionalAuth = (verifier: Verifier): MiddlewareHandler<AuthVariables> =>
  middleware(guards.optionalAuth(verifier))

/** Requires a user whose email address was verified when the token was issued. */
export const requireVerified = (): MiddlewareHandler<AuthVariables> => middleware(guards.requireVerified())

/** Requires a user who had the role when the token was issued. */
export const requireRole = (role: string): MiddlewareHandler<AuthVariables> =>
  middleware(guards.requireRole(role))

/** Requires a machine client with the scope. Several scopes are separated by spaces. */
export const requireScope = (scope: string): MiddlewareHandler<AuthVariables> =>
  middleware(guards.requireScope(scope))

/** Requires a user who authenticated within the last seconds. */
export const requireFresh = (seconds: number): MiddlewareHandler<AuthVariables> =>
  middleware(guards.requireFresh(seconds))

/** Requires a user who authenticated at this level: `aal2` is with a second factor. */
export const requireAcr = (level: Level): MiddlewareHandler<AuthVariables> =>
  middleware(guards.requireAcr(level))
