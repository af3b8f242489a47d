import type { IncomingMessage } from 'node:http'
import { partsOf } from '../base/header-text.ts'
import { Problem } from '../catalog/problems.ts'
import type { Config } from '../config/config.ts'
import { isOneOf } from '../config/origins.ts'
import { isJson } from './content-type.ts'

// The refresh token of a browser. `__Host-` binds the cookie to this host and to https; `SameSite=Strict` keeps it
// from other sites, and what comes with it must name a known origin as well, for a sibling host is the same site.

type Kind = { name: string; attributes: string }
const guarded: Kind = { name: '__Host-latchkey', attributes: 'Path=/; HttpOnly; Secure; SameSite=Strict' }
// A browser that reaches the service by plain http drops a Secure cookie, and then each refresh fails without a reason.
const plain: Kind = { name: 'latchkey', attributes: 'Path=/; HttpOnly; SameSite=Strict' }

/** The name of the cookie, wherever the service is reached by https. */
export const cookieName = guarded.name

type Where = Pick<Config, 'NODE_ENV' | 'PUBLIC_URL'>

/** Whether the cookie goes without its guard: outside production, where `PUBLIC_URL` begins with `http://`. */
const isPlain = ({ NODE_ENV, PUBLIC_URL }: Where): boolean =>
  NODE_ENV !== 'production' && PUBLIC_URL.startsWith('http:')

const write = ({ name, attributes }: Kind, value: string, maxAge: number): string =>
  `${name}=${value}; ${attributes}; Max-Age=${maxAge}`

/** `maxAge` in seconds. */
export const setCookie = (where: Where, refreshToken: string, maxAge: number): string =>
  write(isPlain(where) ? plain : guarded, refreshToken, maxAge)

/** The cookie of a request: its kind, and its text, which no one has checked yet. */
export type Cookie = { kind: Kind; text: string }

/** Headers that take a cookie back, where one came. */
export const clearCookie = (cookie: Cookie | null): Record<string, string> =>
  cookie ? { 'Set-Cookie': write(cookie.kind, '', 0) } : {}

/** The cookie of a request. A request with two of them has none, because a sibling host may have set one of them. */
export const cookieOf = (request: IncomingMessage, where: Where): Cookie | null => {
  const { cookie } = request.headers
  if (cookie === undefined) return null
  const kinds = isPlain(where) ? [guarded, plain] : [guarded]
  const found = partsOf(cookie, ';').flatMap(pair => {
    const kind = kinds.find(({ name }) => pair.startsWith(`${name}=`))
    return kind ? [{ kind, text: pair.slice(kind.name.length + 1) }] : []
  })
  return found.length === 1 ? (found[0] ?? null) : null
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
