import type { Deps } from '../../deps.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Authorize, IncomingRequest } from '../../platform/http/authorization.ts'
import { foreignPage } from '../../platform/http/cookie.ts'
import { takeLimits } from '../../platform/http/limit.ts'
import { bearerSession, isBearerOfOther, refreshTokenOf } from './authenticate.ts'
import { readRefreshToken } from './refresh-token.ts'
import { refuseCredentials } from './refuse-credentials.ts'

const hasBodyToken = (body: unknown) => (body as { refresh_token?: string }).refresh_token !== undefined

/** The refresh token of the body, or of a cookie that a known page sent. Null without a valid one. */
const presented = (deps: Deps, { request, body, cookie }: IncomingRequest) => {
  if (hasBodyToken(body)) return refreshTokenOf(deps, body)
  if (!cookie) return null
  return foreignPage(request, deps.config) ?? readRefreshToken(deps.secrets, cookie.text)
}

/** Admits the holder of a refresh token. */
export const authorizeRefresh: Authorize = async (deps, incoming) => {
  const isMissing = !hasBodyToken(incoming.body) && !incoming.cookie
  const invalid = new Problem('INVALID_REFRESH_TOKEN', isMissing ? { detail: 'missing' } : {})
  const token = presented(deps, incoming) ?? invalid
  if (token instanceof Problem) return refuseCredentials(deps, incoming, token)
  // The rotation script counts the limit. A limit before it would hide the reuse of a refresh token.
  return { headers: {}, taken: [], outcome: { refresh: token } }
}

const isSession = <T>(claimed: T | null | Problem): claimed is T =>
  claimed !== null && !(claimed instanceof Problem)

/** Admits the holder of an access token or a refresh token, to end its session. */
export const authorizeEnding: Authorize = async (deps, incoming) => {
  // Signing out works while Postgres is down.
  const offline = { ...deps, checkToken: deps.checkTokenOffline }
  const claimed = await bearerSession(offline, incoming.request)
  if (claimed instanceof Problem && claimed.code === 'VALIDATION_ERROR')
    return refuseCredentials(deps, incoming, claimed)
  const byRefresh = presented(deps, incoming)
  if (claimed === null && byRefresh instanceof Problem) return refuseCredentials(deps, incoming, byRefresh)
  if (claimed === null && !hasBodyToken(incoming.body) && !incoming.cookie)
    return refuseCredentials(deps, incoming, new Problem('AUTH_ERROR'))
  // An invalid access token does not protect the session of the refresh token beside it.
  const sessions = [claimed, byRefresh].filter(isSession)
  // A valid token ends its session even above the rate limit, so that an attacker cannot keep the owner from signing out.
  if (sessions.length > 0) return { headers: {}, taken: [], outcome: { sessions } }
  if (claimed instanceof Problem && (await isBearerOfOther(deps, incoming.request)))
    return refuseCredentials(deps, incoming, claimed)
  const { refusal, ...limits } = await takeLimits(deps, incoming.route.limits, incoming)
  return { ...limits, outcome: refusal ?? { sessions } }
}
