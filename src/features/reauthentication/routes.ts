import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { tokensExample } from '../sessions/examples.ts'
import { resolveAudience } from '../sessions/resolve-audience.ts'
import { route } from '../sessions/route.ts'
import { tokenReply } from '../sessions/schemas.ts'
import { reauthenticate } from './reauthenticate.ts'

const { access_token, token_type, expires_in } = tokenReply.entries

const postReauthenticate = route({
  method: 'POST',
  path: '/api/v1/auth/reauthenticate',
  summary: 'Authenticate again in your session',
  description:
    'Makes the session fresh for `FRESH_FOR`, as `REAUTHENTICATION_REQUIRED` asks. The reply has an access token with the new `auth_time`. Older tokens of the session stay valid, and the session is fresh for them too. The refresh token stays the same. A wrong password counts as a guess. `audience` names the service that the access token is for.',
  auth: 'bearer',
  limits: ['reauthenticate'],
  body: v.strictObject({ password: field.password, audience: v.exactOptional(field.audience) }),
  replies: { 200: v.object({ access_token, token_type, expires_in }) },
  problems: [
    'VALIDATION_ERROR',
    'NO_PASSWORD',
    'INVALID_CURRENT_PASSWORD',
    'RATE_LIMIT_EXCEEDED',
    'SESSION_REVOKED',
  ],
  example: {
    body: { password: example.password },
    reply: { access_token: tokensExample.access_token, token_type: 'Bearer', expires_in: 900 },
  },
  handle: async (deps, { user, sessionId, session, body, client }) => {
    const { audience: requested, ...evidence } = body
    const audience = resolveAudience(deps, requested)
    if (audience instanceof Problem) return audience
    const done = await reauthenticate(deps, { user, sessionId, session, evidence, audience, origin: client })
    if (done instanceof Problem) return done
    const expires_in = deps.config.ACCESS_TOKEN_TTL / 1000
    return {
      status: 200,
      body: { access_token: done.accessToken, token_type: 'Bearer' as const, expires_in },
    }
  },
})

export const reauthenticationRoutes: Route[] = [postReauthenticate]
