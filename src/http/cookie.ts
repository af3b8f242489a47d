import type { IncomingMessage } from 'node:http'
import type { Config } from '../base/config.ts'
import { partsOf } from '../base/header-text.ts'
import { isOneOf } from '../base/origins.ts'
import { Problem } from '../base/problems.ts'
import type { RefreshToken } from '../sessions/rules.ts'
import { isJson } from './content-type.ts'

// The refresh token of a browser. `__Host-` binds the cookie to this host and to https; `SameSite=Strict` keeps it
// from other sites, and what comes with it must name a known origin as well, for a sibling host is the same site.

export const cookieName = '__Host-latchkey'
const attributes = 'Path=/; HttpOnly; Secure; SameSite=Strict'

/** `maxAge` in seconds. */
export const setCookie = (refreshToken: string, maxAge: number): string =>
  `${cookieName}=${refreshToken}; ${attributes}; Max-Age=${maxAge}`

const cleared = `${cookieName}=; ${attributes}; Max-Age=0`

/** The cookie that came with a request; `token` is null where these keys did not issue it. */
export type Cookie = { token: RefreshToken | null }

/** Headers that take a cookie back, where one came. */
export const clearCookie = (cookie: Cookie | null): Record<string, string> =>
  cookie ? { 'Set-Cookie': cleared } : {}

/** The refresh token in the cookie. Two of them are one too many: then there is none. */
export const cookieText = (request: IncomingMessage): string | null => {
  const found = partsOf(request.headers.cookie ?? '', ';').filter(pair => pair.startsWith(`${cookieName}=`))
  return found.length === 1 ? (found[0]?.slice(cookieName.length + 1) ?? null) : null
}

/**
 * Refuses a request with a cookie that no page of ours has meant (OWASP, cross-site request forgery); null where one has.
 */
export const foreignPage = (
  request: IncomingMessage,
  config: Pick<Config, 'CORS_ORIGINS' | 'PUBLIC_URL'>,
): Problem<'FORBIDDEN'> | null => {
  const { origin, 'sec-fetch-site': site, 'content-type': type } = request.headers
  const isOwn = origin === new URL(config.PUBLIC_URL).origin || isOneOf(config.CORS_ORIGINS, origin ?? '')
  if (origin !== undefined && !isOwn) return new Problem('FORBIDDEN', { detail: 'foreign_origin' })
  if (origin === undefined && site !== 'same-origin') return new Problem('FORBIDDEN', { detail: 'no_origin' })
  return isJson(type) ? null : new Problem('FORBIDDEN', { detail: 'not_json' })
}
