import type { IncomingMessage } from 'node:http'
import type { User } from '../accounts/rules.ts'
import type { LimitName } from '../base/limits.ts'
import { defaultLimits } from '../base/limits.ts'
import { Problem } from '../base/problems.ts'
import type { Deps } from '../deps.ts'
import { forbidden } from '../guard/bearer.ts'
import { checkSession } from '../sessions/check-session.ts'
import { findSession } from '../sessions/store.ts'
import { bearerSession, expired, refreshSessionOf, revoked } from './authenticate.ts'
import type { Client } from './client.ts'
import { type Cookie, foreignPage } from './cookie.ts'
import { type LimitKeys, recipientKey, takeLimits } from './limit.ts'
import type { Auth, Route } from './route.ts'

/** A request on its way to a handler. */
export type Arrival = {
  route: Route
  request: IncomingMessage
  client: Client
  body: unknown
  cookie: Cookie | null
}

/** What a caller has proven, in the shape that `Call` gives it, or why the request goes no further. */
export type Admission = { headers: Record<string, string>; outcome: Record<string, unknown> | Problem }

type Admit = (deps: Deps, arrival: Arrival) => Promise<Admission>

const limited = (deps: Deps, { route, client, body }: Arrival, session?: string) => {
  const { new_email, email = new_email } = (body ?? {}) as { email?: string; new_email?: string }
  const keys: LimitKeys = { ip: client.network, session, recipient: email && recipientKey(route.path, email) }
  return takeLimits(deps, named(route.limits, keys))
}

const named = (limits: readonly LimitName[], keys: LimitKeys) =>
  limits.map(name => ({ name, key: keys[defaultLimits[name].by as keyof LimitKeys] ?? '' }))

/** Somebody whose credentials are none: counted by address, so that trying tokens is limited too. */
const stranger = async (deps: Deps, { client }: Arrival, problem: Problem): Promise<Admission> => {
  const { headers, refusal } = await takeLimits(deps, named(['anonymous'], { ip: client.network }))
  return { headers, outcome: refusal ?? problem }
}

const none: Admit = async (deps, arrival) => {
  const { headers, refusal } = await limited(deps, arrival)
  return { headers, outcome: refusal ?? {} }
}

const bearer: Admit = async (deps, arrival) => {
  const claimed = (await bearerSession(deps, arrival.request)) ?? new Problem('AUTH_ERROR')
  if (claimed instanceof Problem) return stranger(deps, arrival, claimed)
  const { userId, sessionId, isExpired } = claimed
  // One way to Redis and back; Postgres is asked only where there is a reason.
  const [{ headers, refusal }, session] = await Promise.all([
    limited(deps, arrival, sessionId),
    isExpired ? null : findSession(deps, userId, sessionId),
  ])
  if (refusal) return { headers, outcome: refusal }
  const user = isExpired ? expired() : await checkSession(deps, claimed, session)
  if (!(user instanceof Problem)) return { headers, outcome: { user, sessionId } }
  return { headers, outcome: user.code === 'TOKEN_EXPIRED' ? user : revoked() }
}

// Credentials that prove nothing are refused: whoever sends them takes it that they are signed in.
const optional: Admit = (deps, arrival) =>
  arrival.request.headers.authorization === undefined ? none(deps, arrival) : bearer(deps, arrival)

const admin: Admit = async (deps, arrival) => {
  const { headers, outcome } = await bearer(deps, arrival)
  if (outcome instanceof Problem) return { headers, outcome }
  const { roles } = outcome.user as User
  return { headers, outcome: roles.includes('admin') ? outcome : forbidden() }
}

const hasBodyToken = (body: unknown) => (body as { refresh_token?: string }).refresh_token !== undefined

/** The refresh token of a body, or of a cookie that a page of ours sent along; null where there is none. */
const presented = (deps: Deps, { request, body, cookie }: Arrival) => {
  if (hasBodyToken(body)) return refreshSessionOf(deps, body)
  if (!cookie) return null
  return foreignPage(request, deps.config) ?? cookie.token
}

const refresh: Admit = async (deps, arrival) => {
  const isMissing = !hasBodyToken(arrival.body) && !arrival.cookie
  const none = new Problem('INVALID_REFRESH_TOKEN', isMissing ? { detail: 'missing' } : {})
  const token = presented(deps, arrival) ?? none
  if (token instanceof Problem) return stranger(deps, arrival, token)
  const { headers, refusal } = await limited(deps, arrival, token.sessionId)
  return { headers, outcome: refusal ?? { refresh: token } }
}

const isSession = <T>(claimed: T | null | Problem): claimed is T =>
  claimed !== null && !(claimed instanceof Problem)

const either: Admit = async (deps, arrival) => {
  const claimed = await bearerSession(deps, arrival.request)
  if (claimed instanceof Problem && claimed.code === 'VALIDATION_ERROR')
    return stranger(deps, arrival, claimed)
  const byRefresh = presented(deps, arrival)
  if (claimed === null && byRefresh instanceof Problem) return stranger(deps, arrival, byRefresh)
  if (claimed === null && !hasBodyToken(arrival.body) && !arrival.cookie)
    return stranger(deps, arrival, new Problem('AUTH_ERROR'))
  // An access token that is none does not shield the session of the refresh token beside it.
  const sessions = [claimed, byRefresh].filter(isSession)
  // Somebody known is counted by session: what neighbours at the same address do keeps nobody signed in.
  const [first] = sessions
  const { headers, refusal } = await (first
    ? takeLimits(deps, named(['bearer'], { session: first.sessionId }))
    : limited(deps, arrival))
  return { headers, outcome: refusal ?? { sessions } }
}

const admitted: Record<Auth, Admit> = { none, optional, bearer, admin, refresh, either }

/** Proves the caller and takes the limits of a route, before its handler sees the request. */
export const admit: Admit = (deps, arrival) => admitted[arrival.route.auth](deps, arrival)
