import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { emailRequestRoutes } from '../../platform/pages/email-request-routes.ts'
import { linkRoutes } from '../../platform/pages/link-routes.ts'
import { page } from '../../platform/pages/pages.ts'
import { deviceName } from '../devices/user-agent.ts'
import { tokenOrCodeBody } from '../one-time-tokens/schemas.ts'
import { route } from '../sessions/route.ts'
import { verifiedReply } from '../users/schemas.ts'
import { describeRegistration } from './describe-registration.ts'
import { rejectRoutes } from './reject-routes.ts'
import { resendVerification } from './resend-verification.ts'
import { verifyEmail } from './verify-email.ts'

const summary = 'Verify an email address'

const postVerify = route({
  method: 'POST',
  path: '/api/v1/auth/verify-email',
  summary,
  description:
    'Takes the token of the emailed link, or the address and the code of the same email. The same request again gets the same reply while the address stays verified because of it.',
  auth: 'none',
  limits: ['anonymous'],
  body: tokenOrCodeBody,
  replies: { 200: verifiedReply },
  problems: ['INVALID_TOKEN'],
  example: {
    body: { email: example.email, code: example.code },
    reply: { email: example.email, email_verified: true },
  },
  handle: async (deps, { body, client }) => {
    const done = await verifyEmail(deps, { presented: body, locale: client.locale, origin: client })
    return done instanceof Problem ? done : { status: 200, body: { ...done, email_verified: true as const } }
  },
})

const pages = linkRoutes({
  name: 'verify-email',
  summary,
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

const resendRoutes = emailRequestRoutes({
  name: 'resend-verification',
  summary: 'Request another verification email',
  description:
    'The reply is the same for every address, with or without an account. After three requests in an hour no further email is sent to the address. The newest link stays valid.',
  form: 'invalid_verify',
  sent: { name: 'verification-sent', page: 'verify_sent' },
  act: resendVerification,
})

export const verificationRoutes: Route[] = [postVerify, ...pages, ...resendRoutes, ...rejectRoutes]
