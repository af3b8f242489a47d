import type { Code } from '../catalog/problems.ts'
import { cookieName } from '../http/cookie.ts'
import type { Auth, Route } from '../http/route.ts'

type Json = Record<string, unknown>

const header = (name: string): Json => ({ $ref: `#/components/headers/${name}` })

/** The headers that any reply of a route may carry. */
const commonHeaders = ({ limits, auth }: Route): Json => ({
  'X-Request-Id': header('RequestId'),
  // Failed credentials are limited on every route that takes them.
  ...((limits.length > 0 || auth !== 'none') && {
    RateLimit: header('RateLimit'),
    'RateLimit-Policy': header('RateLimitPolicy'),
  }),
})

/** The headers of a reply that succeeds. */
export const replyHeaders = (route: Route): Json => ({
  ...commonHeaders(route),
  ...(route.cookie && { 'Set-Cookie': header(route.cookie === 'set' ? 'SetCookie' : 'ClearCookie') }),
})

const retriable: readonly Code[] = ['RATE_LIMIT_EXCEEDED', 'SERVICE_UNAVAILABLE', 'REQUEST_IN_PROGRESS']

// RFC 6750, section 3.1: an unreadable token is 400, a token without the right is 403.
const isChallenge = (status: number, auth: Auth): boolean =>
  status === 401 || (auth !== 'none' && auth !== 'refresh' && (status === 400 || status === 403))

/** The headers of a problem. `found` are the codes of this status. */
export const refusalHeaders = (status: number, found: readonly Code[], route: Route): Json => ({
  ...commonHeaders(route),
  ...(found.some(code => retriable.includes(code)) && { 'Retry-After': header('RetryAfter') }),
  ...(isChallenge(status, route.auth) && { 'WWW-Authenticate': header('WwwAuthenticate') }),
})

const textHeader = (description: string): Json => ({ description, schema: { type: 'string' } })

/** The headers that replies refer to. */
export const headers = {
  RequestId: textHeader('The id of this request in the logs.'),
  RateLimit: textHeader(
    'What is left of each limit (draft-ietf-httpapi-ratelimit-headers): `"login";r=9;t=900`, `t` in seconds.',
  ),
  RateLimitPolicy: textHeader('The limits that were taken: `"login";q=10;w=900`, `w` in seconds.'),
  RetryAfter: { description: 'Seconds to wait before the next try.', schema: { type: 'integer' } },
  WwwAuthenticate: textHeader('RFC 6750, section 3.'),
  SetCookie: textHeader(
    `\`${cookieName}\` holds the refresh token where \`token_transport\` is \`cookie\` or the cookie was presented. Otherwise absent.`,
  ),
  ClearCookie: textHeader(`Removes \`${cookieName}\` where the request carried it. Otherwise absent.`),
}

/** How a caller proves who they are: by the access token, or by the refresh token in the cookie. */
export const securitySchemes = {
  accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'PASETO v4.public' },
  refreshCookie: {
    type: 'apiKey',
    in: 'cookie',
    name: cookieName,
    description:
      'The refresh token of a browser. Such a request sends `{}` as `application/json` and an `Origin` of `CORS_ORIGINS` or of the service itself. Outside production, where `PUBLIC_URL` begins with `http://`, the cookie is `latchkey` and not `Secure`: browsers drop a `Secure` cookie there.',
  },
}
