import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { linkRoutes } from '../../platform/pages/link-routes.ts'
import { page } from '../../platform/pages/pages.ts'
import { route } from '../sessions/route.ts'
import { emailReply } from '../users/schemas.ts'
import { confirmEmailChange } from './confirm-email-change.ts'
import { describeEmailChange } from './describe-email-change.ts'
import { requestEmailChange } from './request-email-change.ts'
import { undoEmailChange } from './undo-email-change.ts'

const byCode = v.strictObject({ email: field.email, code: field.code })
const byToken = v.strictObject({ token: field.mailedToken })
const verified = v.object({ email: emailReply, email_verified: v.literal(true) })

const postChange = route({
  method: 'POST',
  path: '/api/v1/auth/change-email',
  summary: 'Move your account to another address',
  description:
    'Mails a link and a code to the new address. Nothing changes before that confirms; then the old address, if it was verified, is told and can undo it for 7 days. Whether somebody has the address already is not said.',
  auth: 'bearer',
  // Who mistyped the address at the registration cannot verify it, and can verify another.
  unverified: 'allowed',
  limits: ['bearer', 'login', 'mail_ip', 'mail'],
  body: v.strictObject({ current_password: field.password, new_email: field.email }),
  replies: { 202: 'empty' },
  problems: ['INVALID_CURRENT_PASSWORD', 'RATE_LIMIT_EXCEEDED'],
  handle: async (deps, { user, sessionId, body, client, isOverMailLimit }) => {
    const { current_password: password, new_email: newEmail } = body
    const where = { newEmail, locale: client.locale, isOverMailLimit }
    const asked = { user, sessionId, password, ...where, origin: client }
    return (await requestEmailChange(deps, asked)) ?? { status: 202 }
  },
})

const postConfirm = route({
  method: 'POST',
  path: '/api/v1/auth/confirm-email',
  summary: 'Confirm a new address',
  description:
    'Takes the token of the mailed link, or the new address and the code of the same email. Send a code with your access token: it is then compared with your own pending change alone, and what others guess does not count. The same again gets the same answer while the account has the address by it.',
  auth: 'optional',
  unverified: 'allowed',
  limits: ['anonymous'],
  body: v.union([byToken, byCode]),
  replies: { 200: verified },
  problems: ['INVALID_TOKEN', 'DUPLICATE_ENTRY'],
  handle: async (deps, { body, user, client }) => {
    const done = await confirmEmailChange(deps, {
      presented: body,
      ownerId: user?.id ?? null,
      origin: client,
    })
    return done instanceof Problem ? done : { status: 200, body: { ...done, email_verified: true as const } }
  },
})

const postUndoChange = route({
  method: 'POST',
  path: '/api/v1/auth/undo-email-change',
  summary: 'Take a change of address back',
  description:
    'By the link in the mail to the old address. Every session ends, and a mail lets the owner choose a new password. The same again gets the same answer while the account has the address by it.',
  auth: 'none',
  limits: ['anonymous'],
  body: byToken,
  replies: { 200: verified },
  problems: ['INVALID_TOKEN', 'DUPLICATE_ENTRY'],
  handle: async (deps, { body, client }) => {
    const done = await undoEmailChange(deps, { token: body.token, locale: client.locale, origin: client })
    return done instanceof Problem ? done : { status: 200, body: { ...done, email_verified: true as const } }
  },
})

const pages = [
  ...linkRoutes({
    name: 'confirm-email',
    summary: 'Confirm a new address',
    button: 'email_confirm',
    done: {
      name: 'email-confirmed',
      page: 'email_confirmed',
      again: 'email_confirmed_again',
      frontend: 'email-confirmed',
    },
    invalid: 'invalid_change',
    show: async (deps, { lang, ...asked }) => {
      const move = await describeEmailChange(deps, asked.token)
      return move && page(deps, lang, 'email_confirm_account', { ...asked, ...move })
    },
    mayBeInstant: true,
    act: (deps, { token, client }) => confirmEmailChange(deps, { presented: { token }, origin: client }),
  }),
  ...linkRoutes({
    name: 'undo-email-change',
    summary: 'Take a change of address back',
    button: 'undo_email',
    done: { name: 'email-restored', page: 'undo_email_done', again: 'undo_email_again' },
    invalid: 'invalid_undo',
    mayBeInstant: false,
    act: (deps, { token, lang, client }) => undoEmailChange(deps, { token, locale: lang, origin: client }),
  }),
]

export const emailChangeRoutes: Route[] = [postChange, postConfirm, postUndoChange, ...pages]
