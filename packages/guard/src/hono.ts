// Guards for Hono, on every runtime that it supports. Only types of Hono are imported.
import type { Context, MiddlewareHandler } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { readFrom, writeTo } from './carrier.ts'
import type { Level } from './checks.ts'
import type { Claims, MachineClaims, UserClaims } from './claims.ts'
import { type Guard, openGuards } from './guards.ts'
import { isPending } from './is-pending.ts'
import type { Verifier } from './verifier.ts'

export type { Claims, MachineClaims, UserClaims } from './claims.ts'

/** What `c.get('auth')` returns: the claims, or null if `optionalAuth` let a request without a token pass. */
export type AuthEnv<A = Claims | null> = { Variables: { auth: A } }

type Auth = Claims | null

const guards = openGuards<Context<AuthEnv>>({
  authorization: c => c.req.raw.headers.get('authorization') ?? undefined,
  read: readFrom,
  write: (c, authenticated) => {
    writeTo(c, authenticated)
    c.set('auth', authenticated.auth)
  },
  requestId: c => (c as Context).get('requestId'),
})

const middleware =
  <A extends Auth>(guard: Guard<Context<AuthEnv>>): MiddlewareHandler<AuthEnv<A>> =>
  async (c, next) => {
    const decided = guard(c as unknown as Context<AuthEnv>)
    const answer = isPending(decided) ? await decided : decided
    if (answer) return c.body(answer.body, answer.status as ContentfulStatusCode, { ...answer.headers })
    await next()
    return undefined
  }

/** Requires a valid access token. */
export const requireAuth = (verifier: Verifier): MiddlewareHandler<AuthEnv<Claims>> =>
  middleware(guards.requireAuth(verifier))

/** Accepts a request without a token too. An invalid token is refused. */
export const optionalAuth = (verifier: Verifier): MiddlewareHandler<AuthEnv> =>
  middleware(guards.optionalAuth(verifier))

/** Requires a user whose email address was verified when the token was issued. */
export const requireVerified = (): MiddlewareHandler<AuthEnv<UserClaims>> =>
  middleware(guards.requireVerified())

/** Requires a user who had the role when the token was issued. */
export const requireRole = (role: string): MiddlewareHandler<AuthEnv<UserClaims>> =>
  middleware(guards.requireRole(role))

/** Requires a machine client with the scope. Several scopes are separated by spaces. */
export const requireScope = (scope: string): MiddlewareHandler<AuthEnv<MachineClaims>> =>
  middleware(guards.requireScope(scope))

/** Requires a user who authenticated within the last seconds. */
export const requireFresh = (seconds: number): MiddlewareHandler<AuthEnv<UserClaims>> =>
  middleware(guards.requireFresh(seconds))

/** Requires a user who authenticated at this level: `aal2` is with a second factor. */
export const requireAcr = (level: Level): MiddlewareHandler<AuthEnv<UserClaims>> =>
  middleware(guards.requireAcr(level))
