import * as v from 'valibot'
import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { clientParameters, parameter } from '../oauth/schemas.ts'
import { route } from '../sessions/route.ts'
import { introspectionExample } from './examples.ts'
import { introspectToken } from './introspect-token.ts'
import { revokeToken } from './revoke-token.ts'
import { introspectionReply } from './schemas.ts'

// As long as the longest body, so that a token of any length gets the reply to a token that is not valid.
const token = parameter('An access or refresh token.', 16_384)

const hint = parameter(
  '`access_token` or `refresh_token`. It has no effect: the token itself shows what it is.',
)

const tokenParameters = v.object({ token, token_type_hint: v.exactOptional(hint), ...clientParameters })

const body = { token: example.accessToken, token_type_hint: 'access_token' }

const common = { method: 'POST', auth: 'client', accepts: 'parameters', body: tokenParameters } as const

const postIntrospect = route({
  ...common,
  path: '/api/v1/oauth/introspect',
  summary: 'Check a token',
  description:
    'RFC 7662, for a machine client with the scope `introspect`. A token is active if it is genuine and has not expired, its session is alive, and its account is open; that of a machine client, if the client is not revoked and still has its scopes. Every other token is answered with `{"active":false}` alone. Compare `aud` with your own address, and accept only `token_type` `Bearer` from a caller. A refresh token is not used up. With `REQUIRE_MFA=all`, the access token of a session without a second factor is not active.',
  scope: 'introspect',
  limits: ['introspect'],
  replies: { 200: introspectionReply },
  problems: ['INSUFFICIENT_SCOPE'],
  example: { body, reply: introspectionExample },
  unaudited: 'Changes nothing. Resource servers check each request.',
  handle: async (deps, { body }) => ({ status: 200, body: await introspectToken(deps, body.token) }),
})

const postRevoke = route({
  ...common,
  path: '/api/v1/oauth/revoke',
  summary: 'End the session of a token',
  description:
    'RFC 7009, for a machine client with the scope `revoke`. Ends the session of an access or refresh token, also of one that has expired or was exchanged. An unknown token gets the same reply. A token of a machine client is refused: revoke the client or drop its secret.',
  scope: 'revoke',
  limits: ['revoke'],
  replies: { 200: 'empty' },
  problems: ['INSUFFICIENT_SCOPE', 'UNSUPPORTED_TOKEN_TYPE'],
  example: { body },
  handle: async (deps, { body, machine, client }) => {
    const origin = { ip: client.ip, userAgent: client.userAgent, machineId: machine.id }
    const outcome = await revokeToken(deps, { token: body.token, origin })
    return outcome === 'unsupported' ? new Problem('UNSUPPORTED_TOKEN_TYPE') : { status: 200 }
  },
})

export const introspectionRoutes: Route[] = [postIntrospect, postRevoke]
