import { randomUUID } from 'node:crypto'
import type { Context, Middleware } from 'koa'
import { Problem } from '../platform/catalog/problems.ts'
import { bearerOf, challenge, forbidden } from '../platform/http/bearer.ts'
import { problemJson } from '../platform/http/problem-json.ts'
import type { Claims, Verifier } from './verifier.ts'

// Guards for the routes of other services. They reply with the same problems as Latchkey, and load neither its stores nor
// Koa. They verify tokens offline, so an access token of an ended session is accepted until it expires.

/** What the guards add to `ctx.state`: the claims of the token, or null if `optionalAuth` let a request without one pass. */
export type AuthState = { auth: Claims | null }

type Guard = Middleware<AuthState>

// A property of `ctx.state`, not an entry in a WeakMap: one entry for each request would burden the garbage collector.
const issuer = Symbol('issuer of the guard')

type Guarded = { [issuer]?: string }

/** Replies with a problem. Its `type` is a page of the issuer that explains it. */
const reject = (ctx: Context, problem: Problem): void => {
  const { requestId = randomUUID() } = ctx.state as { requestId?: string }
  const { status, headers, body } = problemJson(problem, requestId, (ctx.state as Guarded)[issuer] ?? '')
  ctx.status = status
  ctx.body = JSON.stringify(body)
  ctx.set(headers)
}

const verifyBearer = async (ctx: Context, verifier: Verifier): Promise<Claims | null | Problem> => {
  const token = bearerOf(ctx.req)
  if (token === null || token instanceof Problem) return token
  try {
    const claims = await verifier(token)
    if (claims === 'expired') return new Problem('TOKEN_EXPIRED', challenge('invalid_token'))
    return claims === 'invalid' ? new Problem('INVALID_TOKEN', challenge('invalid_token')) : claims
  } catch (error) {
    ctx.app.emit('error', error, ctx)
    return new Problem('SERVICE_UNAVAILABLE', { retryAfter: 2 })
  }
}

const guard =
  (verifier: Verifier, withoutToken: Problem | null): Guard =>
  async (ctx, next) => {
    const state: AuthState & Guarded = ctx.state
    state[issuer] = verifier.issuer
    const auth = (await verifyBearer(ctx, verifier)) ?? withoutToken
    if (auth instanceof Problem) return reject(ctx, auth)
    state.auth = auth
    await next()
  }

/** Requires a valid access token. Its claims are `ctx.state.auth` in later middleware. */
export const requireAuth = (verifier: Verifier): Guard => guard(verifier, new Problem('AUTH_ERROR'))

/** Accepts a request without a token too: `ctx.state.auth` is then null. An invalid token is rejected. */
export const optionalAuth = (verifier: Verifier): Guard => guard(verifier, null)

const requireClaims =
  (name: string, check: (claims: Claims) => Problem | null): Guard =>
  async (ctx, next) => {
    if ((ctx.state as Guarded)[issuer] === undefined)
      throw new Error(`${name} must come after requireAuth or optionalAuth`)
    const { auth } = ctx.state
    const problem = auth ? check(auth) : new Problem('AUTH_ERROR')
    if (problem) return reject(ctx, problem)
    await next()
  }

/** Requires that the email address of the user was verified when the token was issued. */
export const requireVerified = (): Guard =>
  requireClaims('requireVerified', ({ email_verified }) =>
    email_verified ? null : new Problem('EMAIL_NOT_VERIFIED', { detail: 'token' }),
  )

/** Requires that the user had the role when the token was issued. */
export const requireRole = (role: string): Guard =>
  requireClaims('requireRole', ({ roles }) => (roles.includes(role) ? null : forbidden()))
