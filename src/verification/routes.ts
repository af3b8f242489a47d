import * as v from 'valibot'
import { emailReply } from '../accounts/rules.ts'
import type { Config } from '../base/config.ts'
import * as field from '../base/fields.ts'
import { pickLocale } from '../base/locales.ts'
import { Problem } from '../base/problems.ts'
import { page, pageStyleHash } from '../http/pages.ts'
import { type Route, route } from '../http/route.ts'
import { resendVerification } from './resend-verification.ts'
import { verifyEmail } from './verify-email.ts'

const path = '/api/v1/auth/verify-email'

const verified = v.object({ email: emailReply, email_verified: v.literal(true) })

const byCode = v.strictObject({ email: field.email, code: field.code })
const byToken = v.strictObject({ token: field.opaqueToken })

/** Links arrive as they survived a mail program: anything may be missing, nothing may fail. */
const linkQuery = v.object({
  token: v.fallback(v.string(), ''),
  lang: v.fallback(v.optional(v.string()), undefined),
})

// A form that is posted here may be redirected to the front end, and `form-action` is checked there too.
const csp = ({ FRONTEND_URL }: Config): string =>
  [
    "default-src 'none'",
    `style-src '${pageStyleHash}'`,
    `form-action 'self'${FRONTEND_URL ? ` ${new URL(FRONTEND_URL).origin}` : ''}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

const successAddress = ({ FRONTEND_URL, PUBLIC_URL }: Config, lang: string): string =>
  FRONTEND_URL ? `${FRONTEND_URL}/email-verified` : `${PUBLIC_URL}/api/v1/auth/email-verified?lang=${lang}`

const postVerify = route({
  method: 'POST',
  path,
  summary: 'Verify an e-mail address',
  description: 'Takes the token of a mailed link, or the address and the code of the same mail.',
  auth: 'none',
  limits: ['anonymous'],
  body: v.union([byToken, byCode]),
  replies: { 200: verified },
  problems: ['INVALID_TOKEN'],
  handle: async (deps, { body, client }) => {
    const done = await verifyEmail(deps, { presented: body, locale: client.locale })
    return done instanceof Problem ? done : { status: 200, body: { ...done, email_verified: true as const } }
  },
})

const getVerify = route({
  method: 'GET',
  path,
  summary: 'The page behind a mailed link',
  description:
    'Shows a button and changes nothing, since mail scanners open links. With `EMAIL_LINK_CONFIRM=instant` it verifies and redirects at once.',
  auth: 'none',
  limits: ['anonymous'],
  query: linkQuery,
  replies: { 200: 'html', 303: 'redirect', 401: 'html' },
  problems: [],
  handle: async (deps, { query, client, head }) => {
    const { config } = deps
    const lang = pickLocale(query.lang, client.locale)
    if (head || config.EMAIL_LINK_CONFIRM === 'click') {
      const html = page(lang, 'confirm', { action: `verify-email/confirm?lang=${lang}`, token: query.token })
      return { status: 200, html, csp: csp(config) }
    }
    const done = await verifyEmail(deps, { presented: { token: query.token }, locale: lang })
    if (done instanceof Problem) return { status: 401, html: page(lang, 'invalid', {}), csp: csp(config) }
    return { status: 303, location: successAddress(config, lang) }
  },
})

const postConfirm = route({
  method: 'POST',
  path: `${path}/confirm`,
  summary: 'The button of the page behind a mailed link',
  auth: 'none',
  limits: ['anonymous'],
  accepts: 'form',
  query: v.object({ lang: linkQuery.entries.lang }),
  body: v.strictObject({ token: v.fallback(v.string(), '') }),
  replies: { 303: 'redirect', 401: 'html' },
  problems: [],
  handle: async (deps, { body, query, client }) => {
    const lang = pickLocale(query.lang, client.locale)
    const done = await verifyEmail(deps, { presented: body, locale: lang })
    if (done instanceof Problem)
      return { status: 401, html: page(lang, 'invalid', {}), csp: csp(deps.config) }
    return { status: 303, location: successAddress(deps.config, lang) }
  },
})

const getVerified = route({
  method: 'GET',
  path: '/api/v1/auth/email-verified',
  summary: 'The page after a verified address, where there is no front end',
  auth: 'none',
  limits: ['anonymous'],
  query: v.object({ lang: linkQuery.entries.lang }),
  replies: { 200: 'html' },
  problems: [],
  handle: async ({ config }, { query, client }) => ({
    status: 200,
    html: page(pickLocale(query.lang, client.locale), 'verified', {}),
    csp: csp(config),
  }),
})

const postResend = route({
  method: 'POST',
  path: '/api/v1/auth/resend-verification',
  summary: 'Ask for another verification mail',
  description: 'Always answers the same, whether or not anybody has this address.',
  auth: 'none',
  limits: ['mail', 'mail_ip'],
  body: v.strictObject({ email: field.email }),
  replies: { 202: 'empty' },
  problems: [],
  handle: async (deps, { body, client }) => {
    await resendVerification(deps, { email: body.email, locale: client.locale })
    return { status: 202 }
  },
})

export const verificationRoutes: Route[] = [postVerify, getVerify, postConfirm, getVerified, postResend]
