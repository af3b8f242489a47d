import * as v from 'valibot'
import { time } from '../../platform/base/field-shapes.ts'
import * as field from '../../platform/base/fields.ts'
import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { clearCookie } from '../../platform/http/cookie.ts'
import type { Route } from '../../platform/http/route.ts'
import { codeEntries, tokenEntries, tokenOrCodeBody } from '../one-time-tokens/schemas.ts'
import { sessionExample } from '../sessions/examples.ts'
import { resolveAudience } from '../sessions/resolve-audience.ts'
import { route } from '../sessions/route.ts'
import { sessionReply } from '../sessions/schemas.ts'
import { isCookieOf, tokensBy } from '../sessions/token-transport.ts'
import { changePassword } from './change-password.ts'
import { checkResetToken } from './check-reset-token.ts'
import { passwordPageRoutes } from './page-routes.ts'
import { resetPassword } from './reset-password.ts'

const newPassword = { new_password: field.password }

const postCheck = route({
  method: 'POST',
  path: '/api/v1/auth/verify-reset-token',
  summary: 'Check a reset token or code',
  description: 'Does not use the token or code up. A wrong code counts as a guess.',
  auth: 'none',
  limits: ['anonymous'],
  body: tokenOrCodeBody,
  replies: { 200: v.object({ valid: v.literal(true), expires_at: time }) },
  problems: ['INVALID_TOKEN'],
  example: { body: { token: example.token }, reply: { valid: true, expires_at: example.later } },
  unaudited: 'Changes nothing. A wrong code only counts as a guess.',
  handle: async (deps, { body }) => {
    const reset = await checkResetToken(deps, body)
    if (reset instanceof Problem) return reset
    return { status: 200, body: { valid: true as const, expires_at: reset.expiresAt.toISOString() } }
  },
})

const postReset = route({
  method: 'POST',
  path: '/api/v1/auth/reset-password',
  summary: 'Reset a password',
  description:
    'Takes the token of the emailed link, or the address and the code of the same email. Ends every session, verifies the address, and revokes every other emailed link except those that undo a change. It starts no session: sign in with the new password. The same token with the same password again (a lost reply) gets the same reply while that password stands.',
  auth: 'none',
  limits: ['anonymous'],
  body: v.union([
    v.strictObject({ ...tokenEntries, ...newPassword }),
    v.strictObject({ ...codeEntries, ...newPassword }),
  ]),
  replies: { 204: 'empty' },
  problems: ['INVALID_TOKEN', 'VALIDATION_ERROR'],
  example: { body: { token: example.token, new_password: example.newPassword } },
  handle: async (deps, { body, client }) => {
    const { new_password, ...presented } = body
    const done = await resetPassword(deps, { presented, newPassword: new_password, origin: client })
    return done instanceof Problem ? done : { status: 204 }
  },
})

const change = (method: 'POST' | 'PUT') =>
  route({
    method,
    path: '/api/v1/auth/change-password',
    summary: method === 'POST' ? 'Change your password' : 'Change your password (by PUT)',
    cookie: 'set',
    description:
      'Ends every session and starts a new one: continue with the tokens of the reply. `204`: the password is changed, but an outage prevented the new session. Sign in again. `audience` names the service that the new access token is for.',
    auth: 'bearer',
    fresh: 'with_factor',
    limits: ['change_password', 'password_changed'],
    body: v.strictObject({
      current_password: field.password,
      ...newPassword,
      audience: v.exactOptional(field.audience),
    }),
    replies: { 200: sessionReply, 204: 'empty' },
    problems: ['INVALID_CURRENT_PASSWORD', 'RATE_LIMIT_EXCEEDED', 'VALIDATION_ERROR'],
    example: {
      body: { current_password: example.password, new_password: example.newPassword },
      reply: sessionExample,
    },
    handle: async (deps, { user, sessionId, session, body, client, cookie }) => {
      const { current_password: current, new_password: next } = body
      const audience = resolveAudience(deps, body.audience)
      if (audience instanceof Problem) return audience
      const change = { user, sessionId, session, current, next, audience, origin: client }
      const started = await changePassword(deps, change)
      if (started instanceof Problem) return started
      if (!started) return { status: 204, headers: clearCookie(cookie) }
      const transport = isCookieOf(deps, cookie, sessionId) ? 'cookie' : 'body'
      return { status: 200, ...tokensBy(deps, started, transport) }
    },
  })

export const passwordRoutes: Route[] = [
  postCheck,
  postReset,
  change('POST'),
  change('PUT'),
  ...passwordPageRoutes,
]
