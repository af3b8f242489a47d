// Guards for Koa. Only types of Koa are imported.
import type { Context, Middleware } from 'koa'
import { readFrom, writeTo } from './carrier.ts'
import type { Level } from './checks.ts'
import type { Claims } from './claims.ts'
import { type Guard, openGuards } from './guards.ts'
import { isPending } from './is-pending.ts'
import { authorizationOf } from './node-guards.ts'
import type { Verifier } from './verifier.ts'

export type { Claims } from './claims.ts'

/** What the guards add to `ctx.state`: the claims, or null if `optionalAuth` let a request without a token pass. */
export type AuthState = { auth: Claims | null }

const guards = openGuards<Context>({
  authorization: ctx => authorizationOf(ctx.req),
  read: ctx => readFrom(ctx.state),
  write: (ctx, authenticated) => {
    writeTo(ctx.state, authenticated)
    ctx.state.auth = authenticated.auth
  },
  requestId: ctx => ctx.state.requestId,
  report: (ctx, error) => void ctx.app.emit('error', error, ctx),
})

const middleware =
  (guard: Guard<Context>): Middleware<AuthState> =>
  async (ctx, next) => {
    const decided = guard(ctx)
    const answer = isPending(decided) ? await decided : decided
    if (!answer) return await next()
    ctx.status = answer.status
    ctx.body = answer.body
    ctx.set(answer.headers)
  }

/** Requires a valid access token. */
export const requireAuth = (verifier: Verifier): Middleware<AuthState> =>
  middleware(guards.requireAuth(verifier))

/** Accepts a request without a token too. An invalid token is refused. */
export const optionalAuth = (verifier: Verifier): Middleware<AuthState> =>
  middleware(guards.optionalAuth(verifier))

/** Requires a user whose email address was verified when the token was issued. */
export const requireVerified = (): Middleware<AuthState> => middleware(guards.requireVerified())

/** Requires a user who had the role when the token was issued. */
export const requireRole = (role: string): Middleware<AuthState> => middleware(guards.requireRole(role))

/** Requires a machine client with the scope. Several scopes are separated by spaces. */
export const requireScope = (scope: string): Middleware<AuthState> => middleware(guards.requireScope(scope))

/** Requires a user who authenticated within the last seconds. */
export const requireFresh = (seconds: number): Middleware<AuthState> =>
  middleware(guards.requireFresh(seconds))

/** Requires a user who authenticated at this level: `aal2` is with a second factor. */
export const requireAcr = (level: Level): Middleware<AuthState> => middleware(guards.requireAcr(level))
