import * as v from 'valibot'
import { time } from '../../platform/base/field-shapes.ts'
import * as field from '../../platform/base/fields.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { clearCookie } from '../../platform/http/cookie.ts'
import type { Route } from '../../platform/http/route.ts'
import { route } from '../sessions/route.ts'
import { sessionReply } from '../sessions/schemas.ts'
import { isCookieOf, tokensBy } from '../sessions/token-transport.ts'
import { changePassword } from './change-password.ts'
import { checkResetToken } from './check-reset-token.ts'
import { forgotPassword } from './forgot-password.ts'
import { passwordPageRoutes } from './page-routes.ts'
import { resetPassword } from './reset-password.ts'

const byToken = { token: field.mailedToken }
const byCode = { email: field.email, code: field.code }
const newPassword = { new_password: field.password }

const postForgot = route({
  method: 'POST',
  path: '/api/v1/auth/forgot-password',
  summary: 'Ask for a mail that resets a password',
  description:
    'Always answers the same, whether or not anybody has this address. After three requests in an hour no further mail goes to it: the newest link stays valid. Whoever has deleted their account gets the link again that undoes the deletion.',
  auth: 'none',
  limits: ['mail_ip', 'mail'],
  body: v.strictObject({ email: field.email }),
  replies: { 202: 'empty' },
  problems: [],
  handle: async (deps, { body, client, isOverMailLimit }) => {
    const overLimit = await isOverMailLimit()
    const asked = { email: body.email, locale: client.locale, overLimit, origin: client }
    await forgotPassword(deps, asked)
    return { status: 202 }
  },
})

const postCheck = route({
  method: 'POST',
  path: '/api/v1/auth/verify-reset-token',
  summary: 'Ask whether a reset token or code would do',
  description: 'Spends nothing; a wrong code counts as a guess.',
  auth: 'none',
  limits: ['anonymous'],
  body: v.union([v.strictObject(byToken), v.strictObject(byCode)]),
  replies: { 200: v.object({ valid: v.literal(true), expires_at: time }) },
  problems: ['INVALID_TOKEN'],
  handle: async (deps, { body }) => {
    const proof = await checkResetToken(deps, body)
    if (proof instanceof Problem) return proof
    return { status: 200, body: { valid: true as const, expires_at: proof.expiresAt.toISOString() } }
  },
})

const postReset = route({
  method: 'POST',
  path: '/api/v1/auth/reset-password',
  summary: 'Set a new password by a mailed token or code',
  description:
    'Every session ends, other mailed links die but those that take a change back, the address counts as verified. It signs nobody in: log in with the new password. The same token and password again (a lost reply) get the same answer while that password stands; another password does not.',
  auth: 'none',
  limits: ['anonymous'],
  body: v.union([
    v.strictObject({ ...byToken, ...newPassword }),
    v.strictObject({ ...byCode, ...newPassword }),
  ]),
  replies: { 204: 'empty' },
  problems: ['INVALID_TOKEN', 'VALIDATION_ERROR'],
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
      'Every session ends, and a new one takes the place of yours: go on with the tokens of the reply. `204`: the password is changed, but a fault keeps the new session from beginning; log in.',
    auth: 'bearer',
    limits: ['change_password', 'password_changed'],
    body: v.strictObject({ current_password: field.password, ...newPassword }),
    replies: { 200: sessionReply, 204: 'empty' },
    problems: ['INVALID_CURRENT_PASSWORD', 'RATE_LIMIT_EXCEEDED', 'VALIDATION_ERROR'],
    handle: async (deps, { user, sessionId, body, client, cookie }) => {
      const { current_password: current, new_password: next } = body
      const session = await changePassword(deps, { user, sessionId, current, next, origin: client })
      if (session instanceof Problem) return session
      if (!session) return { status: 204, headers: clearCookie(cookie) }
      const transport = isCookieOf(deps, cookie, sessionId) ? 'cookie' : 'body'
      return { status: 200, ...tokensBy(deps, session, transport) }
    },
  })

export const passwordRoutes: Route[] = [
  postForgot,
  postCheck,
  postReset,
  change('POST'),
  change('PUT'),
  ...passwordPageRoutes,
]
