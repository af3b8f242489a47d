import type { Deps } from '../../deps.ts'
import { limits } from '../../platform/catalog/limits.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Authorize, AuthResult, IncomingRequest } from '../../platform/http/authorization.ts'
import { forbidden, freshnessChallenge } from '../../platform/http/bearer.ts'
import { foreignPage } from '../../platform/http/cookie.ts'
import { takeLimits } from '../../platform/http/limit.ts'
import type { Auth } from '../../platform/http/route.ts'
import type { User } from '../users/types.ts'
import { mustVerify } from '../users/user-state.ts'
import { bearerSession, expired, isBearerOfOther, refreshTokenOf, revoked } from './authenticate.ts'
import { checkSession } from './check-session.ts'
import { isFresh } from './is-fresh.ts'
import { readRefreshToken } from './refresh-token.ts'
import { findSession } from './store.ts'

const takeRouteLimits = (deps: Deps, { route, client }: IncomingRequest, sessionId = '') =>
  takeLimits(deps, route.limits, { client, sessionId })

/** Rejects invalid credentials. It counts them by IP address, so that guessing tokens is rate limited too. */
const refuse = async (deps: Deps, { client }: IncomingRequest, problem: Problem): Promise<AuthResult> => {
  const { refusal, ...counted } = await takeLimits(deps, [limits.anonymous], { client })
  return { ...counted, outcome: refusal ?? problem }
}

const none: Authorize = async (deps, incoming) => {
  const { refusal, ...limits } = await takeRouteLimits(deps, incoming)
  return { ...limits, outcome: refusal ?? {} }
}

const bearer: Authorize = async (deps, incoming) => {
  const claimed = (await bearerSession(deps, incoming.request)) ?? new Problem('AUTH_ERROR')
  if (claimed instanceof Problem) return refuse(deps, incoming, claimed)
  const { userId, sessionId, isExpired } = claimed
  // Check the limits and the session in one Redis round trip. Query Postgres only if both pass.
  const [{ refusal, ...limits }, session] = await Promise.all([
    takeRouteLimits(deps, incoming, sessionId),
    isExpired ? null : findSession(deps, userId, sessionId),
  ])
  if (refusal) return { ...limits, outcome: refusal }
  const user = isExpired ? expired() : await checkSession(deps, claimed, session)
  if (!(user instanceof Problem)) {
    const isBlocked = incoming.route.unverified !== 'allowed' && mustVerify(user, deps.config)
    const caller = { user, sessionId, authTime: session?.authTime }
    const outcome = isBlocked ? new Problem('EMAIL_NOT_VERIFIED', { detail: 'session' }) : caller
    return { ...limits, outcome }
  }
  return { ...limits, outcome: user.code === 'TOKEN_EXPIRED' ? user : revoked() }
}

// Reject invalid credentials. Treating the caller as anonymous would hide an expired token from a client that believes
// it is signed in.
const optional: Authorize = (deps, incoming) =>
  incoming.request.headers.authorization === undefined ? none(deps, incoming) : bearer(deps, incoming)

const admin: Authorize = async (deps, incoming) => {
  const { outcome, ...limits } = await bearer(deps, incoming)
  if (outcome instanceof Problem) return { ...limits, outcome }
  const { roles } = outcome.user as User
  return { ...limits, outcome: roles.includes('admin') ? outcome : forbidden() }
}

const hasBodyToken = (body: unknown) => (body as { refresh_token?: string }).refresh_token !== undefined

/** The refresh token of the body, or of a cookie that a known page sent. Null without a valid one. */
const presented = (deps: Deps, { request, body, cookie }: IncomingRequest) => {
  if (hasBodyToken(body)) return refreshTokenOf(deps, body)
  if (!cookie) return null
  return foreignPage(request, deps.config) ?? readRefreshToken(deps.secrets, cookie.text)
}

const refresh: Authorize = async (deps, incoming) => {
  const isMissing = !hasBodyToken(incoming.body) && !incoming.cookie
  const invalid = new Problem('INVALID_REFRESH_TOKEN', isMissing ? { detail: 'missing' } : {})
  const token = presented(deps, incoming) ?? invalid
  if (token instanceof Problem) return refuse(deps, incoming, token)
  // The rotation script counts the limit. A limit before it would hide the reuse of a refresh token.
  return { headers: {}, taken: [], outcome: { refresh: token } }
}

const isSession = <T>(claimed: T | null | Problem): claimed is T =>
  claimed !== null && !(claimed instanceof Problem)

const bearerOrRefresh: Authorize = async (deps, incoming) => {
  const claimed = await bearerSession(deps, incoming.request)
  if (claimed instanceof Problem && claimed.code === 'VALIDATION_ERROR')
    return refuse(deps, incoming, claimed)
  const byRefresh = presented(deps, incoming)
  if (claimed === null && byRefresh instanceof Problem) return refuse(deps, incoming, byRefresh)
  if (claimed === null && !hasBodyToken(incoming.body) && !incoming.cookie)
    return refuse(deps, incoming, new Problem('AUTH_ERROR'))
  // An invalid access token does not protect the session of the refresh token beside it.
  const sessions = [claimed, byRefresh].filter(isSession)
  // A valid token ends its session even above the rate limit, so that an attacker cannot keep the owner from signing out.
  if (sessions.length > 0) return { headers: {}, taken: [], outcome: { sessions } }
  if (claimed instanceof Problem && (await isBearerOfOther(deps, incoming.request)))
    return refuse(deps, incoming, claimed)
  const { refusal, ...limits } = await takeRouteLimits(deps, incoming)
  return { ...limits, outcome: refusal ?? { sessions } }
}

const byAuth: Record<Auth, Authorize> = { none, optional, bearer, admin, refresh, bearerOrRefresh }

// After the check of the role: a user who may not make the change is not asked for the password.
const fresh: Authorize = async (deps, incoming) => {
  const { outcome, ...limits } = await byAuth[incoming.route.auth](deps, incoming)
  // Only a session can be stale: a machine client has no user who could authenticate again.
  if (outcome instanceof Problem || !outcome.user) return { ...limits, outcome }
  if (isFresh(deps, Number(outcome.authTime))) return { ...limits, outcome }
  const challenge = freshnessChallenge(deps.config.FRESH_FOR / 1000)
  return { ...limits, outcome: new Problem('REAUTHENTICATION_REQUIRED', challenge) }
}

/** Authenticates the caller as the route requires, and counts the request in the limits of the route. */
export const authorize: Authorize = (deps, incoming) =>
  incoming.route.fresh ? fresh(deps, incoming) : byAuth[incoming.route.auth](deps, incoming)
