import type { IncomingMessage } from 'node:http'
import type { Deps } from '../../deps.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { forbidden } from '../../platform/http/bearer.ts'
import type { Client } from '../../platform/http/client.ts'
import { type Cookie, foreignPage } from '../../platform/http/cookie.ts'
import { type TakenLimits, takeLimits } from '../../platform/http/limit.ts'
import type { Auth, Route } from '../../platform/http/route.ts'
import { mustVerify, type User } from '../users/types.ts'
import { bearerSession, expired, refreshSessionOf, revoked } from './authenticate.ts'
import { checkSession } from './check-session.ts'
import { findSession } from './store.ts'

/** A request on its way to a handler. */
export type IncomingRequest = {
  route: Route
  request: IncomingMessage
  client: Client
  body: unknown
  cookie: Cookie | null
}

/** What a caller has proven, in the shape that `Call` gives it, or why the request goes no further. */
export type AuthResult = Pick<TakenLimits, 'headers' | 'taken'> & {
  outcome: Record<string, unknown> | Problem
}

type Admit = (deps: Deps, arrival: IncomingRequest) => Promise<AuthResult>

const limited = (deps: Deps, { route, client }: IncomingRequest, sessionId = '') =>
  takeLimits(deps, route.limits, { client, sessionId })

/** Somebody whose credentials are none: counted by address, so that trying tokens is limited too. */
const stranger = async (deps: Deps, { client }: IncomingRequest, problem: Problem): Promise<AuthResult> => {
  const { refusal, ...limits } = await takeLimits(deps, ['anonymous'], { client })
  return { ...limits, outcome: refusal ?? problem }
}

const none: Admit = async (deps, arrival) => {
  const { refusal, ...limits } = await limited(deps, arrival)
  return { ...limits, outcome: refusal ?? {} }
}

const bearer: Admit = async (deps, arrival) => {
  const claimed = (await bearerSession(deps, arrival.request)) ?? new Problem('AUTH_ERROR')
  if (claimed instanceof Problem) return stranger(deps, arrival, claimed)
  const { userId, sessionId, isExpired } = claimed
  // One way to Redis and back; Postgres is asked only where there is a reason.
  const [{ refusal, ...limits }, session] = await Promise.all([
    limited(deps, arrival, sessionId),
    isExpired ? null : findSession(deps, userId, sessionId),
  ])
  if (refusal) return { ...limits, outcome: refusal }
  const user = isExpired ? expired() : await checkSession(deps, claimed, session)
  if (!(user instanceof Problem)) {
    const isBarred = arrival.route.unverified !== 'allowed' && mustVerify(user, deps.config)
    const outcome = isBarred ? new Problem('EMAIL_NOT_VERIFIED', { detail: 'session' }) : { user, sessionId }
    return { ...limits, outcome }
  }
  return { ...limits, outcome: user.code === 'TOKEN_EXPIRED' ? user : revoked() }
}

// Credentials that prove nothing are refused: whoever sends them takes it that they are signed in.
const optional: Admit = (deps, arrival) =>
  arrival.request.headers.authorization === undefined ? none(deps, arrival) : bearer(deps, arrival)

const admin: Admit = async (deps, arrival) => {
  const { outcome, ...limits } = await bearer(deps, arrival)
  if (outcome instanceof Problem) return { ...limits, outcome }
  const { roles } = outcome.user as User
  return { ...limits, outcome: roles.includes('admin') ? outcome : forbidden() }
}

const hasBodyToken = (body: unknown) => (body as { refresh_token?: string }).refresh_token !== undefined

/** The refresh token of a body, or of a cookie that a page of ours sent along; null where there is none. */
const presented = (deps: Deps, { request, body, cookie }: IncomingRequest) => {
  if (hasBodyToken(body)) return refreshSessionOf(deps, body)
  if (!cookie) return null
  return foreignPage(request, deps.config) ?? cookie.token
}

const refresh: Admit = async (deps, arrival) => {
  const isMissing = !hasBodyToken(arrival.body) && !arrival.cookie
  const none = new Problem('INVALID_REFRESH_TOKEN', isMissing ? { detail: 'missing' } : {})
  const token = presented(deps, arrival) ?? none
  if (token instanceof Problem) return stranger(deps, arrival, token)
  // Counted by the script that rotates: a limit before it would hide that a spent token has come.
  return { headers: {}, taken: [], outcome: { refresh: token } }
}

const isSession = <T>(claimed: T | null | Problem): claimed is T =>
  claimed !== null && !(claimed instanceof Problem)

const bearerOrRefresh: Admit = async (deps, arrival) => {
  const claimed = await bearerSession(deps, arrival.request)
  if (claimed instanceof Problem && claimed.code === 'VALIDATION_ERROR')
    return stranger(deps, arrival, claimed)
  const byRefresh = presented(deps, arrival)
  if (claimed === null && byRefresh instanceof Problem) return stranger(deps, arrival, byRefresh)
  if (claimed === null && !hasBodyToken(arrival.body) && !arrival.cookie)
    return stranger(deps, arrival, new Problem('AUTH_ERROR'))
  // An access token that is none does not shield the session of the refresh token beside it.
  const sessions = [claimed, byRefresh].filter(isSession)
  // A genuine token ends its session whatever was counted: a thief must not keep the owner from it.
  if (sessions.length > 0) return { headers: {}, taken: [], outcome: { sessions } }
  const { refusal, ...limits } = await limited(deps, arrival)
  return { ...limits, outcome: refusal ?? { sessions } }
}

const byAuth: Record<Auth, Admit> = { none, optional, bearer, admin, refresh, bearerOrRefresh }

/** Proves the caller and takes the limits of a route, before its handler sees the request. */
export const authorize: Admit = (deps, arrival) => byAuth[arrival.route.auth](deps, arrival)
