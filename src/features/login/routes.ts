import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { sessionExample } from '../sessions/examples.ts'
import { route } from '../sessions/route.ts'
import { sessionReply } from '../sessions/schemas.ts'
import { tokensBy, tokenTransport } from '../sessions/token-transport.ts'
import { login } from './login.ts'

const postLogin = route({
  method: 'POST',
  path: '/api/v1/auth/login',
  summary: 'Sign in',
  description:
    'Takes an email address and a password. With `"token_transport": "cookie"`, the refresh token is set as a cookie that scripts cannot read.',
  auth: 'none',
  limits: ['login', 'login_device'],
  body: v.strictObject({
    email: field.email,
    password: field.password,
    token_transport: v.exactOptional(tokenTransport),
  }),
  replies: { 200: sessionReply },
  cookie: 'set',
  problems: ['INVALID_CREDENTIALS', 'RATE_LIMIT_EXCEEDED', 'ACCOUNT_DEACTIVATED', 'EMAIL_NOT_VERIFIED'],
  example: {
    body: { email: example.email, password: example.password, token_transport: 'body' },
    reply: sessionExample,
  },
  handle: async (deps, { body, client, refundLimits }) => {
    const { token_transport: transport = 'body', ...credentials } = body
    const done = await login(deps, { ...credentials, origin: client })
    if (done instanceof Problem) return done
    const limits = done.isExemptFromIpLimit ? await refundLimits() : {}
    const { body: session, headers } = tokensBy(deps, done.session, transport)
    return { status: 200, body: session, headers: { ...limits, ...headers } }
  },
})

export const loginRoutes: Route[] = [postLogin]
