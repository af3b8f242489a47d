import * as v from 'valibot'
import { named } from '../../platform/base/field-shapes.ts'
import * as field from '../../platform/base/fields.ts'
import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { page } from '../../platform/pages/pages.ts'
import { sessionExample } from '../sessions/examples.ts'
import { resolveAudience } from '../sessions/resolve-audience.ts'
import { route } from '../sessions/route.ts'
import { sessionReply } from '../sessions/schemas.ts'
import { tokenOptions, tokensBy } from '../sessions/token-transport.ts'
import { confirmEmailLogin } from './confirm-email-login.ts'
import { requestLoginCode } from './request-login-code.ts'

const loginToken = 'lke_Jm2Vq1sZc3mXo7Rk9tYw4bNdAZ0fKp5uHxE8LgTiSOs'

const postRequest = route({
  method: 'POST',
  path: '/api/v1/auth/login/email',
  summary: 'Request a sign-in code by email',
  description:
    'Exists if `EMAIL_LOGIN=on`. The reply is the same for every address, with or without an account. Keep `login_token`: the code of the email works only together with it. Several codes can be valid at the same time. After three requests in an hour, only a device that a verified account knows gets further emails.',
  auth: 'none',
  limits: ['mail_ip', 'mail'],
  body: v.strictObject({ email: field.email }),
  replies: {
    202: named('EmailLogin', {
      login_token: v.string(),
      expires_in: v.pipe(v.number(), v.integer()),
    }),
  },
  problems: [],
  example: { body: { email: example.email }, reply: { login_token: loginToken, expires_in: 600 } },
  handle: async (deps, { body, client, isOverMailLimit }) => {
    const overLimit = await isOverMailLimit()
    const request = { email: body.email, locale: client.locale, overLimit, origin: client }
    const asked = await requestLoginCode(deps, request)
    return { status: 202, body: { login_token: asked.loginToken, expires_in: asked.expiresIn } }
  },
})

const rest = {
  login_token: field.opaqueToken,
  ...tokenOptions,
}

const postConfirm = route({
  method: 'POST',
  path: '/api/v1/auth/login/email/confirm',
  summary: 'Sign in with a code of an email',
  description:
    'Exists if `EMAIL_LOGIN=on`. Takes the `login_token` of the request, and the code of the email or the token of its link. Each email works once, and has five guesses. An unverified account becomes verified, and loses its sessions, its factors and its password, unless an emailed link set that password.',
  auth: 'none',
  limits: ['login_email_confirm'],
  body: v.union([
    v.strictObject({ ...rest, code: field.code }),
    v.strictObject({ ...rest, token: field.mailedToken }),
  ]),
  replies: { 200: sessionReply },
  cookie: 'set',
  problems: ['VALIDATION_ERROR', 'INVALID_TOKEN', 'MFA_REQUIRED'],
  example: {
    body: { login_token: loginToken, code: '04821396', token_transport: 'body' },
    reply: sessionExample,
  },
  handle: async (deps, { body, client, refundLimits }) => {
    const { token_transport: transport = 'body', login_token, audience: requested, ...presented } = body
    const audience = resolveAudience(deps, requested)
    if (audience instanceof Problem) return audience
    const attempt = { loginToken: login_token, presented, audience, origin: client }
    const done = await confirmEmailLogin(deps, attempt)
    if (done instanceof Problem) return done
    // Each sign-in needed an email, which has limits of its own. So the people of an office do not use up this one.
    const limits = await refundLimits()
    const { body: session, headers } = tokensBy(deps, done, transport)
    return { status: 200, body: session, headers: { ...limits, ...headers } }
  },
})

const text = v.fallback(v.optional(v.string()), undefined)

const getPage = route({
  method: 'GET',
  path: '/api/v1/auth/login-code',
  summary: 'Sign in with a code of an email: show the page',
  description:
    'Exists if `EMAIL_LOGIN=on`. Says that the code belongs where it was asked for. It neither shows the code nor changes anything, so a mail scanner that opens the link gets no session.',
  auth: 'none',
  limits: ['anonymous'],
  query: v.object({ token: text, lang: text }),
  replies: { 200: 'html' },
  problems: [],
  example: { query: { token: example.token, lang: 'en' } },
  handle: async (deps, { query, client }) => {
    const lang = deps.theme.templates.locales.pick(query.lang, client.locale)
    return { status: 200, ...page(deps, lang, 'login_code', {}) }
  },
})

export const emailLoginRoutes: Route[] = [postRequest, postConfirm, getPage]
