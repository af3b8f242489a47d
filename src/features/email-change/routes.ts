import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { linkRoutes } from '../../platform/pages/link-routes.ts'
import { page } from '../../platform/pages/pages.ts'
import { tokenBody, tokenOrCodeBody } from '../one-time-tokens/schemas.ts'
import { route } from '../sessions/route.ts'
import { verifiedReply } from '../users/schemas.ts'
import { confirmEmailChange } from './confirm-email-change.ts'
import { describeEmailChange } from './describe-email-change.ts'
import { requestEmailChange } from './request-email-change.ts'
import { undoEmailChange } from './undo-email-change.ts'

const confirmSummary = 'Confirm a new email address'
const undoSummary = 'Undo a change of email address'
const verifiedExample = { email: example.newEmail, email_verified: true } as const

const postChange = route({
  method: 'POST',
  path: '/api/v1/auth/change-email',
  summary: 'Request a change of your email address',
  description:
    'Sends a link and a code to the new address. Nothing changes until one of them is confirmed. Then the old address, if it was verified, gets an email and can undo the change for 7 days. The reply does not show whether the new address has an account.',
  auth: 'bearer',
  fresh: 'with_factor',
  // A user who mistyped the address at registration cannot verify it. They may change it to one that they can verify.
  unverified: 'allowed',
  limits: ['bearer', 'login', 'mail_ip', 'mail'],
  body: v.strictObject({ current_password: field.password, new_email: field.email }),
  replies: { 202: 'empty' },
  problems: ['INVALID_CURRENT_PASSWORD', 'RATE_LIMIT_EXCEEDED'],
  example: { body: { current_password: example.password, new_email: example.newEmail } },
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
  summary: confirmSummary,
  description:
    'Takes the token of the emailed link, or the new address and the code of the same email. Send a code with your access token: it is then compared only with your own pending change, and wrong codes of other clients do not count. The same request again gets the same reply while the account has the address because of it.',
  auth: 'optional',
  unverified: 'allowed',
  limits: ['anonymous'],
  body: tokenOrCodeBody,
  replies: { 200: verifiedReply },
  problems: ['INVALID_TOKEN', 'DUPLICATE_ENTRY'],
  example: { body: { token: example.token }, reply: verifiedExample },
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
  summary: undoSummary,
  description:
    'Takes the token of the email to the old address. Ends every session and emails the owner a link to choose a new password. The same token again gets the same reply while the account has the address because of it.',
  auth: 'none',
  limits: ['anonymous'],
  body: tokenBody,
  replies: { 200: verifiedReply },
  problems: ['INVALID_TOKEN', 'DUPLICATE_ENTRY'],
  example: { body: { token: example.token }, reply: verifiedExample },
  handle: async (deps, { body, client }) => {
    const done = await undoEmailChange(deps, { token: body.token, locale: client.locale, origin: client })
    return done instanceof Problem ? done : { status: 200, body: { ...done, email_verified: true as const } }
  },
})

const pages = [
  ...linkRoutes({
    name: 'confirm-email',
    summary: confirmSummary,
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
    summary: undoSummary,
    button: 'undo_email',
    done: { name: 'email-restored', page: 'undo_email_done', again: 'undo_email_again' },
    invalid: 'invalid_undo',
    mayBeInstant: false,
    act: (deps, { token, lang, client }) => undoEmailChange(deps, { token, locale: lang, origin: client }),
  }),
]

export const emailChangeRoutes: Route[] = [postChange, postConfirm, postUndoChange, ...pages]
