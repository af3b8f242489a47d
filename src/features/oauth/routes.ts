import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { route } from '../sessions/route.ts'
import { issueMachineToken } from './issue-machine-token.ts'
import { machineTokenReply, tokenParameters } from './schemas.ts'

const postToken = route({
  method: 'POST',
  path: '/api/v1/oauth/token',
  summary: 'Get the token of a machine client',
  description:
    'RFC 6749, section 4.4: `grant_type` is `client_credentials`. The token opens the routes of administrators by its scopes, and those of your own services. It cannot be refreshed: ask for a new one shortly before it expires. `resource` names the service of `AUDIENCES` that the token is for (RFC 8707).',
  auth: 'client',
  limits: ['oauth_token'],
  accepts: 'parameters',
  body: tokenParameters,
  replies: { 200: machineTokenReply },
  problems: ['UNSUPPORTED_GRANT_TYPE', 'INVALID_SCOPE', 'INVALID_TARGET'],
  example: {
    body: { grant_type: 'client_credentials', scope: 'users:read' },
    reply: {
      access_token: example.accessToken,
      token_type: 'Bearer',
      expires_in: 900,
      scope: 'users:read',
    },
  },
  unaudited: 'Machine clients ask for a token every few minutes. `last_used_at` says when one did.',
  handle: async (deps, { machine, body }) => {
    const { grant_type: grantType, scope, resource, audience } = body
    const services = [resource, audience].filter(service => service !== undefined)
    const issued = issueMachineToken(deps, { machine, grantType, scope, services })
    return issued instanceof Problem ? issued : { status: 200, body: issued }
  },
})

export const oauthRoutes: Route[] = [postToken]
