import { Problem } from '../../platform/catalog/problems.ts'
import type { Authorize } from '../../platform/http/authorization.ts'
import { takeLimits } from '../../platform/http/limit.ts'
import { bearerSession, isBearerOfOther } from './authenticate.ts'
import { presentedRefreshToken } from './presented-refresh-token.ts'
import { refuseCredentials } from './refuse-credentials.ts'

const isSession = <T extends object>(claimed: T | Problem | null | 'none'): claimed is T =>
  claimed !== null && claimed !== 'none' && !(claimed instanceof Problem)

/** Admits the holder of an access token or a refresh token, to end its session. */
export const authorizeLogout: Authorize = async (deps, incoming) => {
  // Signing out works while Postgres is down.
  const offline = { ...deps, checkToken: deps.checkTokenOffline }
  const claimed = await bearerSession(offline, incoming.request)
  if (claimed instanceof Problem && claimed.code === 'VALIDATION_ERROR')
    return refuseCredentials(deps, incoming, claimed)
  const byRefresh = presentedRefreshToken(deps, incoming)
  if (claimed === null && byRefresh instanceof Problem) return refuseCredentials(deps, incoming, byRefresh)
  if (claimed === null && byRefresh === 'none')
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
