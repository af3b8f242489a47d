import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { example } from '../../platform/catalog/examples.ts'
import { limits } from '../../platform/catalog/limits.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { clearCookie } from '../../platform/http/cookie.ts'
import { limitHeaders, limitRefusal, refuseEndedSession } from '../../platform/http/limit.ts'
import type { Route } from '../../platform/http/route.ts'
import { endAllSessions } from './end-all-sessions.ts'
import { endSession } from './end-session.ts'
import { tokensExample } from './examples.ts'
import { ownSessionRoutes } from './own-routes.ts'
import { refreshSession } from './refresh-session.ts'
import { resolveAudience } from './resolve-audience.ts'
import { route } from './route.ts'
import { tokenReply } from './schemas.ts'
import { tokensBy } from './token-transport.ts'

const postRefresh = route({
  method: 'POST',
  path: '/api/v1/auth/refresh',
  summary: 'Refresh the access token',
  description:
    'Returns a new access token and the next refresh token. The same token again within 10 seconds (a lost reply, a second tab) gets the same next token, and takes no point from a limit. A token that is used later, or after its successor was used, counts as stolen and ends the session. If the address must be verified first (`403`), the token is not used up. `audience` is that of the new access token. The session does not remember it: without one, the audience is `PUBLIC_URL`.',
  auth: 'refresh',
  limits: ['refresh', 'refresh_cookie'],
  body: v.strictObject({
    refresh_token: v.exactOptional(field.opaqueToken),
    audience: v.exactOptional(field.audience),
  }),
  replies: { 200: tokenReply },
  cookie: 'set',
  problems: ['VALIDATION_ERROR', 'INVALID_REFRESH_TOKEN', 'EMAIL_NOT_VERIFIED', 'RATE_LIMIT_EXCEEDED'],
  example: { body: { refresh_token: example.refreshToken }, reply: tokensExample },
  unaudited: 'Changes no state of an account. A reused token stores `session.reused`.',
  handle: async (deps, { refresh: token, client, body }) => {
    const audience = resolveAudience(deps, body.audience)
    if (audience instanceof Problem) return audience
    const byCookie = body.refresh_token === undefined
    const limit = byCookie ? limits.refresh_cookie : limits.refresh
    const refreshed = await refreshSession(deps, { token, audience, limit, origin: client })
    if (refreshed.outcome === 'reused') return new Problem('INVALID_REFRESH_TOKEN')
    if (refreshed.outcome === 'unverified') return new Problem('EMAIL_NOT_VERIFIED', { detail: 'session' })
    if (refreshed.outcome === 'ended') return refuseEndedSession(deps, client)
    if (refreshed.outcome === 'limited') return limitRefusal(refreshed.quotas)
    const { body: tokens, headers } = tokensBy(deps, refreshed.tokens, byCookie ? 'cookie' : 'body')
    return { status: 200, body: tokens, headers: { ...limitHeaders(refreshed.quotas), ...headers } }
  },
})

// No route that ends a session has a limit by session: a thief of the session could use it up and keep the owner out.

const postLogout = route({
  method: 'POST',
  path: '/api/v1/auth/logout',
  summary: 'Sign out',
  cookie: 'clear',
  description:
    'Ends the session of an access token, which may have expired, or of a refresh token. An unknown token gets the same reply. A token for another service (`401`) ends no session. A request with a genuine token is never rate limited.',
  auth: 'bearerOrRefresh',
  limits: ['anonymous'],
  body: v.strictObject({ refresh_token: v.exactOptional(field.opaqueToken) }),
  replies: { 204: 'empty' },
  problems: [],
  example: { body: { refresh_token: example.refreshToken } },
  handle: async (deps, { sessions, cookie, client }) => {
    for (const { userId, sessionId } of sessions)
      await endSession(deps, { userId, sessionId, origin: client })
    return { status: 204, headers: clearCookie(cookie) }
  },
})

const postLogoutAll = route({
  method: 'POST',
  path: '/api/v1/auth/logout-all',
  summary: 'Sign out everywhere',
  description: 'Ends all your sessions. Never rate limited.',
  cookie: 'clear',
  auth: 'bearer',
  unverified: 'allowed',
  singleFactor: 'allowed',
  limits: [],
  replies: { 204: 'empty' },
  problems: [],
  handle: async (deps, { user, client, cookie }) => {
    await endAllSessions(deps, { userId: user.id, origin: client })
    return { status: 204, headers: clearCookie(cookie) }
  },
})

export const sessionRoutes: Route[] = [postRefresh, postLogout, postLogoutAll, ...ownSessionRoutes]
