import type { Deps } from '../../deps.ts'
import type { Problem } from '../../platform/catalog/problems.ts'
import type { IncomingRequest } from '../../platform/http/authorization.ts'
import { foreignPage } from '../../platform/http/cookie.ts'
import { type RefreshToken, readRefreshToken } from './refresh-token.ts'

/**
 * The refresh token of the body, or of a cookie that a known page sent. Null if it was not issued with our keys, `none` if
 * the request carries no refresh token.
 */
export const presentedRefreshToken = (
  deps: Pick<Deps, 'config' | 'secrets'>,
  { request, body, cookie }: IncomingRequest,
): RefreshToken | Problem | null | 'none' => {
  const { refresh_token: sent } = body as { refresh_token?: string }
  if (sent !== undefined) return readRefreshToken(deps.secrets, sent)
  if (!cookie) return 'none'
  return foreignPage(request, deps.config) ?? readRefreshToken(deps.secrets, cookie.text)
}
