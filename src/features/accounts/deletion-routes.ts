import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { clearCookie } from '../../platform/http/cookie.ts'
import type { Route } from '../../platform/http/route.ts'
import { linkRoutes } from '../../platform/pages/link-routes.ts'
import { tokenBody } from '../one-time-tokens/schemas.ts'
import { route } from '../sessions/route.ts'
import { deleteAccount } from './delete-account.ts'
import { undoDeletion } from './undo-deletion.ts'

const deleteMe = route({
  method: 'DELETE',
  path: '/api/v1/auth/me',
  summary: 'Delete your account',
  description:
    'Ends every session at once. The account is erased after `ACCOUNT_ERASURE_DELAY`. Until then an emailed link undoes the deletion, and `forgot-password` sends that link again. The last administrator cannot be deleted.',
  auth: 'bearer',
  fresh: 'with_factor',
  cookie: 'clear',
  limits: ['bearer', 'login'],
  body: v.strictObject({ password: field.password }),
  replies: { 204: 'empty' },
  problems: ['INVALID_CURRENT_PASSWORD', 'RATE_LIMIT_EXCEEDED', 'SESSION_REVOKED', 'FORBIDDEN'],
  example: { body: { password: example.password } },
  handle: async (deps, { user, sessionId, body, client, cookie }) => {
    const { password } = body
    const refusal = await deleteAccount(deps, { user, sessionId, password, origin: client })
    return refusal ?? { status: 204, headers: clearCookie(cookie) }
  },
})

const summary = 'Undo the deletion of an account'

const postUndoDeletion = route({
  method: 'POST',
  path: '/api/v1/auth/undo-deletion',
  summary,
  description:
    'Clears the password, because a thief who deleted the account knew it, and emails the owner a link to choose a new one. The same token again gets the same reply while the account stays open because of it.',
  auth: 'none',
  limits: ['anonymous'],
  body: tokenBody,
  replies: { 204: 'empty' },
  problems: ['INVALID_TOKEN'],
  example: { body: { token: example.token } },
  handle: async (deps, { body, client }) => {
    const done = await undoDeletion(deps, { token: body.token, locale: client.locale, origin: client })
    return done instanceof Problem ? done : { status: 204 }
  },
})

const undoPages = linkRoutes({
  name: 'undo-deletion',
  summary,
  button: 'undo_deletion',
  done: { name: 'account-restored', page: 'undo_deletion_done', again: 'undo_deletion_again' },
  invalid: 'invalid_undo',
  mayBeInstant: false,
  act: (deps, { token, lang, client }) => undoDeletion(deps, { token, locale: lang, origin: client }),
})

export const deletionRoutes: Route[] = [deleteMe, postUndoDeletion, ...undoPages]
