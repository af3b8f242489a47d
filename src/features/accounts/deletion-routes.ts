import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { clearCookie } from '../../platform/http/cookie.ts'
import type { Route } from '../../platform/http/route.ts'
import { linkRoutes } from '../../platform/pages/link-routes.ts'
import { route } from '../sessions/route.ts'
import { deleteAccount } from './delete-account.ts'
import { undoDeletion } from './undo-deletion.ts'

const deleteMe = route({
  method: 'DELETE',
  path: '/api/v1/auth/me',
  summary: 'Delete your own account',
  description:
    'Sessions end at once. The account is erased after `ACCOUNT_ERASURE_DELAY`; until then a mailed link takes it back, which `forgot-password` mails again. The last administrator stays.',
  auth: 'bearer',
  cookie: 'clear',
  limits: ['bearer', 'login'],
  body: v.strictObject({ password: field.password }),
  replies: { 204: 'empty' },
  problems: ['INVALID_CURRENT_PASSWORD', 'RATE_LIMIT_EXCEEDED', 'SESSION_REVOKED', 'FORBIDDEN'],
  handle: async (deps, { user, sessionId, body, client, cookie }) => {
    const { password } = body
    const refusal = await deleteAccount(deps, { user, sessionId, password, origin: client })
    return refusal ?? { status: 204, headers: clearCookie(cookie) }
  },
})

const postUndoDeletion = route({
  method: 'POST',
  path: '/api/v1/auth/undo-deletion',
  summary: 'Take the deletion of an account back',
  description:
    'The password is closed, and an email lets the owner choose a new one: a thief who deleted the account knew the old one. The same token again gets the same answer while the account stays open by it.',
  auth: 'none',
  limits: ['anonymous'],
  body: v.strictObject({ token: field.mailedToken }),
  replies: { 204: 'empty' },
  problems: ['INVALID_TOKEN'],
  handle: async (deps, { body, client }) => {
    const done = await undoDeletion(deps, { token: body.token, locale: client.locale, origin: client })
    return done instanceof Problem ? done : { status: 204 }
  },
})

const undoPages = linkRoutes({
  name: 'undo-deletion',
  summary: 'Take the deletion of an account back',
  button: 'undo_deletion',
  done: { name: 'account-restored', page: 'undo_deletion_done', again: 'undo_deletion_again' },
  invalid: 'invalid_undo',
  mayBeInstant: false,
  act: (deps, { token, lang, client }) => undoDeletion(deps, { token, locale: lang, origin: client }),
})

export const deletionRoutes: Route[] = [deleteMe, postUndoDeletion, ...undoPages]
