import { randomUUID } from 'node:crypto'
import type { Context, Middleware } from 'koa'
import { Problem } from '../platform/catalog/problems.ts'
import { bearerOf, challenge, forbidden } from '../platform/http/bearer.ts'
import { problemJson } from '../platform/http/problem-json.ts'
import type { Claims, Verifier } from './verifier.ts'

// Guards for the routes of other services. They answer as Latchkey itself does, and load neither its stores nor Koa.
// They verify offline: a session that has ended is noticed when its token expires, at the latest.

/** What the guards leave in `ctx.state`: claims, or null for a stranger whom `optionalAuth` let pass. */
export type AuthState = { auth: Claims | null }

type Guard = Middleware<AuthState>

// Not a WeakMap: one entry for each request is a burden for whoever collects garbage.
const issuer = Symbol('the issuer that a guard asked')

type Guarded = { [issuer]?: string }

/** The address in `type` explains the problem, and stands at the issuer. */
const refuse = (ctx: Context, problem: Problem): void => {
  const { requestId = randomUUID() } = ctx.state as { requestId?: string }
  const { status, headers, body } = problemJson(problem, requestId, (ctx.state as Guarded)[issuer] ?? '')
  ctx.status = status
  ctx.body = JSON.stringify(body)
  ctx.set(headers)
}

const prove = async (ctx: Context, verifier: Verifier): Promise<Claims | null | Problem> => {
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
  (verifier: Verifier, stranger: Problem | null): Guard =>
  async (ctx, next) => {
    const state: AuthState & Guarded = ctx.state
    state[issuer] = verifier.issuer
    const proven = (await prove(ctx, verifier)) ?? stranger
    if (proven instanceof Problem) return refuse(ctx, proven)
    state.auth = proven
    await next()
  }

/** Lets nobody pass but the bearer of an access token, whose claims are `ctx.state.auth` from here on. */
export const requireAuth = (verifier: Verifier): Guard => guard(verifier, new Problem('AUTH_ERROR'))

/** Lets a request without a token pass too: then `ctx.state.auth` is null. A token that is none is refused. */
export const optionalAuth = (verifier: Verifier): Guard => guard(verifier, null)

const demand =
  (name: string, unmet: (claims: Claims) => Problem | null): Guard =>
  async (ctx, next) => {
    if ((ctx.state as Guarded)[issuer] === undefined)
      throw new Error(`${name} stands behind requireAuth or optionalAuth`)
    const { auth } = ctx.state
    const problem = auth ? unmet(auth) : new Problem('AUTH_ERROR')
    if (problem) return refuse(ctx, problem)
    await next()
  }

/** Lets those pass whose e-mail address was verified when their token was issued. */
export const requireVerified = (): Guard =>
  demand('requireVerified', ({ email_verified }) =>
    email_verified ? null : new Problem('EMAIL_NOT_VERIFIED', { detail: 'token' }),
  )

/** Lets those pass who had the role when their token was issued. */
export const requireRole = (role: string): Guard =>
  demand('requireRole', ({ roles }) => (roles.includes(role) ? null : forbidden()))
