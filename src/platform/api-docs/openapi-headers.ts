import type { ProblemDefinition } from '../catalog/problem-definition.ts'
import type { Auth } from '../http/auth.ts'
import { cookieName } from '../http/cookie.ts'
import type { Route } from '../http/route.ts'

type Json = Record<string, unknown>

const header = (name: string): Json => ({ $ref: `#/components/headers/${name}` })

/** The headers that any reply of a route may carry. */
const commonHeaders = ({ limits, auth }: Route): Json => ({
  'X-Request-Id': header('RequestId'),
  // Failed credentials are rate limited on every route that takes them.
  ...((limits.length > 0 || auth !== 'none') && {
    RateLimit: header('RateLimit'),
    'RateLimit-Policy': header('RateLimitPolicy'),
  }),
})

/** The headers of a successful reply. */
export const replyHeaders = (route: Route): Json => ({
  ...commonHeaders(route),
  ...(route.etag && { ETag: header('ETag') }),
  ...Object.fromEntries(
    Object.entries(route.replyHeaders ?? {}).map(([name, meaning]) => [name, textHeader(meaning)]),
  ),
  ...(route.cookie && { 'Set-Cookie': header(route.cookie === 'set' ? 'SetCookie' : 'ClearCookie') }),
})

// RFC 6750, section 3.1: an unreadable token is 400, and a token without sufficient rights is 403.
const isChallenge = (status: number, auth: Auth): boolean =>
  status === 401 || (auth !== 'none' && auth !== 'refresh' && (status === 400 || status === 403))

/** The headers of a problem reply. `found`: the problems of this status. */
export const refusalHeaders = (status: number, found: readonly ProblemDefinition[], route: Route): Json => ({
  ...commonHeaders(route),
  ...(found.some(({ isRetriable }) => isRetriable) && { 'Retry-After': header('RetryAfter') }),
  ...(isChallenge(status, route.auth) && { 'WWW-Authenticate': header('WwwAuthenticate') }),
})

const textHeader = (description: string): Json => ({ description, schema: { type: 'string' } })

/** The shared headers, to which the replies refer. */
export const headers = {
  RequestId: textHeader('The id of this request in the logs.'),
  RateLimit: textHeader(
    'The remaining points of each limit (draft-ietf-httpapi-ratelimit-headers): `"login";r=9;t=900`, `t` in seconds.',
  ),
  RateLimitPolicy: textHeader('The limits of this request: `"login";q=10;w=900`, `w` in seconds.'),
  RetryAfter: { description: 'Seconds to wait before the next attempt.', schema: { type: 'integer' } },
  WwwAuthenticate: textHeader('RFC 6750, section 3, and RFC 9470, section 3.'),
  ETag: textHeader(
    'Send it as `If-None-Match`: the reply is `304` without a body as long as nothing has changed.',
  ),
  SetCookie: textHeader(
    `\`${cookieName}\` holds the refresh token if \`token_transport\` is \`cookie\` or the request carried the cookie. Otherwise absent.`,
  ),
  ClearCookie: textHeader(`Removes \`${cookieName}\` if the request carried it. Otherwise absent.`),
}

/** The credentials of a caller: an access token, or a refresh token in the cookie. */
export const securitySchemes = {
  accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'PASETO v4.public' },
  refreshCookie: {
    type: 'apiKey',
    in: 'cookie',
    name: cookieName,
    description:
      'The refresh token of a browser. A request with it sends `{}` as `application/json`, and an `Origin` of `CORS_ORIGINS` or of the service itself. Outside production, if `PUBLIC_URL` begins with `http://`, the cookie is called `latchkey` and is not `Secure`, because browsers drop a `Secure` cookie over http.',
  },
}
