import type { IncomingMessage } from 'node:http'
import { partsOf } from '../base/header-text.ts'
import { Problem } from '../catalog/problems.ts'
import type { Config } from '../config/config.ts'
import { isListedOrigin } from '../config/origins.ts'
import { isJson } from './content-type.ts'

// The refresh token of a browser. `__Host-` binds the cookie to this host and to https. `SameSite=Strict` withholds it from
// requests of other sites. A sibling host counts as the same site, so a request with the cookie must also come from a known
// origin.

type Kind = { name: string; attributes: string }
const secureKind: Kind = { name: '__Host-latchkey', attributes: 'Path=/; HttpOnly; Secure; SameSite=Strict' }
// Over plain http a browser drops a Secure cookie, and every refresh would fail without a visible reason.
const plainKind: Kind = { name: 'latchkey', attributes: 'Path=/; HttpOnly; SameSite=Strict' }

/** The name of the cookie of a service with https. */
export const cookieName = secureKind.name

type CookieConfig = Pick<Config, 'NODE_ENV' | 'PUBLIC_URL'>

/** Whether the cookie is not `Secure`: outside production, if `PUBLIC_URL` begins with `http://`. */
const isPlain = ({ NODE_ENV, PUBLIC_URL }: CookieConfig): boolean =>
  NODE_ENV !== 'production' && PUBLIC_URL.startsWith('http:')

const write = ({ name, attributes }: Kind, value: string, maxAge: number): string =>
  `${name}=${value}; ${attributes}; Max-Age=${maxAge}`

/** `maxAge` in seconds. */
export const setCookie = (config: CookieConfig, refreshToken: string, maxAge: number): string =>
  write(isPlain(config) ? plainKind : secureKind, refreshToken, maxAge)

/** The cookie of a request. Its text is not verified yet. */
export type Cookie = { kind: Kind; text: string }

/** Headers that delete the cookie in the browser, if the request had one. */
export const clearCookie = (cookie: Cookie | null): Record<string, string> =>
  cookie ? { 'Set-Cookie': write(cookie.kind, '', 0) } : {}

/** The cookie of a request. A request with two of them has none, because a sibling host may have set one of them. */
export const cookieOf = (request: IncomingMessage, config: CookieConfig): Cookie | null => {
  const { cookie } = request.headers
  if (cookie === undefined) return null
  const kinds = isPlain(config) ? [secureKind, plainKind] : [secureKind]
  const found = partsOf(cookie, ';').flatMap(pair => {
    const kind = kinds.find(({ name }) => pair.startsWith(`${name}=`))
    return kind ? [{ kind, text: pair.slice(kind.name.length + 1) }] : []
  })
  return found.length === 1 ? (found[0] ?? null) : null
}

/**
 * Rejects a request with a cookie unless a page of a known origin sent it (OWASP, cross-site request forgery). Returns null
 * for an allowed request.
 */
export const foreignPage = (
  request: IncomingMessage,
  config: Pick<Config, 'CORS_ORIGINS' | 'PUBLIC_URL'>,
): Problem<'FORBIDDEN'> | null => {
  const { origin, 'sec-fetch-site': fetchSite, 'content-type': type } = request.headers
  const isOwn =
    origin === new URL(config.PUBLIC_URL).origin || isListedOrigin(config.CORS_ORIGINS, origin ?? '')
  if (origin !== undefined && !isOwn) return new Problem('FORBIDDEN', { detail: 'foreign_origin' })
  if (origin === undefined && fetchSite !== 'same-origin')
    return new Problem('FORBIDDEN', { detail: 'no_origin' })
  return isJson(type) ? null : new Problem('FORBIDDEN', { detail: 'not_json' })
}
