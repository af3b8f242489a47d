import * as v from 'valibot'
import type { Route } from '../../platform/http/route.ts'
import { route } from '../sessions/route.ts'
import { conditionRefusal } from './condition-refusal.ts'
import { conditionsQuery } from './schemas.ts'
import { callerHeaders, headersOfCaller } from './view.ts'

const common = {
  auth: 'anyBearer',
  limits: ['check'],
  replyHeaders: callerHeaders,
} as const

const getCheck = route({
  ...common,
  method: 'GET',
  path: '/api/v1/auth/check',
  summary: 'Check a request for a proxy',
  description:
    'For `auth_request` of nginx, `forwardAuth` of Traefik and `forward_auth` of Caddy. `204` lets the request pass, and the headers say who sends it. It checks the session, so a sign-out counts at once. `role` and `verified=true` demand something of the user and refuse machine clients; `scope` demands scopes of a machine client and lets users pass. `audience` is the address of the service behind the proxy, if it has tokens of its own (`AUDIENCES`); without it, a token must be for `PUBLIC_URL`.',
  forProxies: 'exact',
  query: conditionsQuery,
  replies: { 204: 'empty' },
  problems: ['VALIDATION_ERROR', 'FORBIDDEN', 'EMAIL_NOT_VERIFIED', 'INSUFFICIENT_SCOPE'],
  example: { query: { role: 'user', scope: 'orders:read' } },
  handle: async (_deps, { query, ...caller }) => {
    return conditionRefusal(caller, query) ?? { status: 204, headers: headersOfCaller(caller) }
  },
})

const getCheckBelow = route({
  ...common,
  method: 'GET',
  path: '/api/v1/auth/check/:path',
  summary: 'Check a request for Envoy',
  description:
    'For `ext_authz` of Envoy, which sends the method, the path and the query of the original request below a prefix. So every method and any path is served, and the query is not read. For the path `/`, a query of conditions alone is refused, since it was meant for the route above. The status is `200`, because Envoy refuses every other one.',
  forProxies: 'below',
  params: v.strictObject({ path: v.string() }),
  replies: { 200: 'empty' },
  problems: [],
  example: { params: { path: 'orders' } },
  handle: async (_deps, caller) => {
    return { status: 200, headers: headersOfCaller(caller) }
  },
})

export const forwardAuthRoutes: Route[] = [getCheck, getCheckBelow]
