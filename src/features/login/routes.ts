import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { sessionExample } from '../sessions/examples.ts'
import { resolveAudience } from '../sessions/resolve-audience.ts'
import { route } from '../sessions/route.ts'
import { sessionReply } from '../sessions/schemas.ts'
import { tokenOptions, tokensBy } from '../sessions/token-transport.ts'
import { login } from './login.ts'
import { mfaRoutes } from './mfa-routes.ts'
import { passkeyLoginRoutes } from './passkey-routes.ts'

const postLogin = route({
  method: 'POST',
  path: '/api/v1/auth/login',
  summary: 'Sign in',
  description:
    'Takes an email address and a password. `audience` names the service that the access token is for. With `"token_transport": "cookie"`, the refresh token is set as a cookie that scripts cannot read. A user with a second factor gets no tokens here: `403 MFA_REQUIRED` has the `mfa_token` for `/auth/login/mfa`.',
  auth: 'none',
  limits: ['login', 'login_device'],
  body: v.strictObject({
    email: field.email,
    password: field.password,
    ...tokenOptions,
  }),
  replies: { 200: sessionReply },
  cookie: 'set',
  problems: [
    'VALIDATION_ERROR',
    'INVALID_CREDENTIALS',
    'MFA_REQUIRED',
    'RATE_LIMIT_EXCEEDED',
    'ACCOUNT_DEACTIVATED',
    'EMAIL_NOT_VERIFIED',
  ],
  example: {
    body: { email: example.email, password: example.password, token_transport: 'body' },
    reply: sessionExample,
  },
  handle: async (deps, { body, client, refundLimits }) => {
    const { token_transport: transport = 'body', audience: requested, ...credentials } = body
    const audience = resolveAudience(deps, requested)
    if (audience instanceof Problem) return audience
    const done = await login(deps, { ...credentials, audience, origin: client })
    if (done instanceof Problem) return done
    const limits = done.isExemptFromIpLimit ? await refundLimits() : {}
    const { result } = done
    if (result instanceof Problem) return new Problem(result.definition, { ...result.extra, headers: limits })
    const { body: session, headers } = tokensBy(deps, result, transport)
    return { status: 200, body: session, headers: { ...limits, ...headers } }
  },
})

export const loginRoutes: Route[] = [postLogin, ...mfaRoutes, ...passkeyLoginRoutes]
