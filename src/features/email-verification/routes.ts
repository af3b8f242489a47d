import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { emailPageRoutes } from '../../platform/pages/email-page-routes.ts'
import { linkRoutes } from '../../platform/pages/link-routes.ts'
import { page } from '../../platform/pages/pages.ts'
import { deviceName } from '../devices/user-agent.ts'
import { route } from '../sessions/route.ts'
import { emailReply } from '../users/schemas.ts'
import { describeRegistration } from './describe-registration.ts'
import { rejectRoutes } from './reject-routes.ts'
import { resendVerification } from './resend-verification.ts'
import { verifyEmail } from './verify-email.ts'

const byCode = v.strictObject({ email: field.email, code: field.code })
const byToken = v.strictObject({ token: field.mailedToken })

const postVerify = route({
  method: 'POST',
  path: '/api/v1/auth/verify-email',
  summary: 'Verify an e-mail address',
  description:
    'Takes the token of a mailed link, or the address and the code of the same mail. The same again gets the same answer while the address is verified by it.',
  auth: 'none',
  limits: ['anonymous'],
  body: v.union([byToken, byCode]),
  replies: { 200: v.object({ email: emailReply, email_verified: v.literal(true) }) },
  problems: ['INVALID_TOKEN'],
  handle: async (deps, { body, client }) => {
    const done = await verifyEmail(deps, { presented: body, locale: client.locale, origin: client })
    return done instanceof Problem ? done : { status: 200, body: { ...done, email_verified: true as const } }
  },
})

const pages = linkRoutes({
  name: 'verify-email',
  summary: 'Verify an e-mail address',
  button: 'confirm',
  done: { name: 'email-verified', page: 'verified', again: 'verified_again', frontend: 'email-verified' },
  invalid: 'invalid_verify',
  show: async (deps, { lang, ...asked }) => {
    const registration = await describeRegistration(deps, asked.token)
    if (!registration) return null
    const { time, ip, userAgent } = registration
    const other_action = `reject-account/confirm?lang=${lang}`
    const facts = { time, ip, device: deviceName(userAgent) }
    return page(deps, lang, 'confirm_registration', { ...asked, ...facts, other_action })
  },
  mayBeInstant: true,
  act: (deps, { token, lang, client }) =>
    verifyEmail(deps, { presented: { token }, locale: lang, origin: client }),
})

const postResend = route({
  method: 'POST',
  path: '/api/v1/auth/resend-verification',
  summary: 'Ask for another verification mail',
  description:
    'Always answers the same, whether or not anybody has this address. After three requests in an hour no further mail goes to it: the newest link stays valid.',
  auth: 'none',
  limits: ['mail_ip', 'mail'],
  body: v.strictObject({ email: field.email }),
  replies: { 202: 'empty' },
  problems: [],
  handle: async (deps, { body, client, isOverMailLimit }) => {
    const overLimit = await isOverMailLimit()
    const asked = { email: body.email, locale: client.locale, overLimit, origin: client }
    await resendVerification(deps, asked)
    return { status: 202 }
  },
})

const resendPages = emailPageRoutes({
  name: 'resend-verification',
  summary: 'Ask for another verification mail',
  page: 'invalid_verify',
  sent: { name: 'verification-sent', page: 'verify_sent' },
  act: resendVerification,
})

export const verificationRoutes: Route[] = [postVerify, ...pages, postResend, ...resendPages, ...rejectRoutes]
