import { Problem } from '../../platform/catalog/problems.ts'
import type { Authorize } from '../../platform/http/authorization.ts'
import { presentedRefreshToken } from './presented-refresh-token.ts'
import { refuseCredentials } from './refuse-credentials.ts'

/** Admits the holder of a refresh token. */
export const authorizeRefresh: Authorize = async (deps, incoming) => {
  const presented = presentedRefreshToken(deps, incoming)
  const invalid = new Problem('INVALID_REFRESH_TOKEN', presented === 'none' ? { detail: 'missing' } : {})
  const token = presented === 'none' ? invalid : (presented ?? invalid)
  if (token instanceof Problem) return refuseCredentials(deps, incoming, token)
  // The rotation script counts the limit. A limit before it would hide the reuse of a refresh token.
  return { headers: {}, taken: [], outcome: { refresh: token } }
}
