import type { Deps } from '../../deps.ts'
import { forbidden } from '../../platform/catalog/challenges.ts'
import { limits } from '../../platform/catalog/limits.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Auth } from '../../platform/http/auth.ts'
import type { Authorize, AuthResult, IncomingRequest } from '../../platform/http/authorization.ts'
import { takeLimits } from '../../platform/http/limit.ts'
import type { User } from '../users/types.ts'
import { mustVerify } from '../users/user-state.ts'
import { bearerCaller, bearerSession, type ClaimedSession, expired, revoked } from './authenticate.ts'
import { authenticateMachine } from './authenticate-machine.ts'
import { authorizeClient } from './authorize-client.ts'
import { authorizeLogout } from './authorize-logout.ts'
import { authorizeMachine } from './authorize-machine.ts'
import { authorizeRefresh } from './authorize-refresh.ts'
import { checkSession } from './check-session.ts'
import { levelRefusal } from './level-refusal.ts'
import { refuseCredentials } from './refuse-credentials.ts'
import { resolveAudience } from './resolve-audience.ts'
import type { Actor } from './route.ts'
import { findSession } from './store.ts'
import type { SessionState } from './types.ts'

const takeRouteLimits = (deps: Deps, { route, client }: IncomingRequest, sessionId = '') =>
  takeLimits(deps, route.limits, { client, sessionId })

const none: Authorize = async (deps, incoming) => {
  const { refusal, ...limits } = await takeRouteLimits(deps, incoming)
  return { ...limits, outcome: refusal ?? {} }
}

const bearer: Authorize = async (deps, incoming) =>
  checkClaimed(deps, incoming, await bearerSession(deps, incoming.request))

const checkClaimed = async (
  deps: Deps,
  incoming: IncomingRequest,
  found: ClaimedSession | null | Problem,
): Promise<AuthResult> => {
  const claimed = found ?? new Problem('AUTH_ERROR')
  if (claimed instanceof Problem) return refuseCredentials(deps, incoming, claimed)
  const { userId, sessionId, isExpired } = claimed
  // Check the limits and the session in one Redis round trip. Query Postgres only if both pass.
  const [{ refusal, ...limits }, session] = await Promise.all([
    takeRouteLimits(deps, incoming, sessionId),
    isExpired ? null : findSession(deps, userId, sessionId),
  ])
  if (refusal) return { ...limits, outcome: refusal }
  const checked = isExpired ? expired() : await checkSession(deps, claimed, session)
  if (!(checked instanceof Problem)) {
    const { user } = checked
    const isBlocked = incoming.route.unverified !== 'allowed' && mustVerify(user, deps.config)
    const caller = { ...checked, sessionId }
    const outcome = isBlocked ? new Problem('EMAIL_NOT_VERIFIED', { detail: 'session' }) : caller
    return { ...limits, outcome }
  }
  return { ...limits, outcome: checked.code === 'TOKEN_EXPIRED' ? checked : revoked() }
}

// Reject invalid credentials. Treating the caller as anonymous would hide an expired token from a client that believes
// it is signed in.
const optional: Authorize = (deps, incoming) =>
  incoming.request.headers.authorization === undefined ? none(deps, incoming) : bearer(deps, incoming)

const anyBearer: Authorize = async (deps, incoming) => {
  const { audience: requested } = (incoming.query ?? {}) as { audience?: string }
  const audience = resolveAudience(deps, requested)
  if (audience instanceof Problem) return { headers: {}, taken: [], outcome: audience }
  const caller = await bearerCaller(deps, incoming.request, audience)
  if (caller === null || !('clientId' in caller)) {
    const { outcome, ...taken } = await checkClaimed(deps, incoming, caller)
    return { ...taken, outcome: outcome instanceof Problem ? outcome : { ...outcome, machine: null } }
  }
  const { outcome, ...taken } = await authenticateMachine(deps, incoming, caller, limits.check_client)
  const known = { user: null, sessionId: null, session: null, machine: outcome }
  return { ...taken, outcome: outcome instanceof Problem ? outcome : known }
}

const admin: Authorize = async (deps, incoming) => {
  const caller = await bearerCaller(deps, incoming.request)
  if (caller !== null && 'clientId' in caller) return authorizeMachine(deps, incoming, caller)
  const { outcome, ...limits } = await checkClaimed(deps, incoming, caller)
  if (outcome instanceof Problem) return { ...limits, outcome }
  const { id: actorId, roles } = outcome.user as User
  const actor: Actor = { actorId, origin: incoming.client }
  return { ...limits, outcome: roles.includes('admin') ? { ...outcome, actor, machine: null } : forbidden() }
}

const byAuth: Record<Auth, Authorize> = {
  none,
  optional,
  bearer,
  anyBearer,
  admin,
  refresh: authorizeRefresh,
  bearerOrRefresh: authorizeLogout,
  client: authorizeClient,
}

/** Authenticates the caller as the route requires, and counts the request in the limits of the route. */
export const authorize: Authorize = async (deps, incoming) => {
  const { outcome, ...limits } = await byAuth[incoming.route.auth](deps, incoming)
  // Only a session has a level: a machine client has no user who could authenticate again.
  if (outcome instanceof Problem || !outcome.user) return { ...limits, outcome }
  // After the check of the role: a user who may not make the change is not asked for the password.
  const refusal = levelRefusal(deps, incoming.route, outcome as { user: User; session: SessionState })
  return { ...limits, outcome: refusal ?? outcome }
}
