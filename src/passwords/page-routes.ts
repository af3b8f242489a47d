import * as v from 'valibot'
import * as field from '../base/fields.ts'
import { Problem } from '../base/problems.ts'
import { doneAddress, plainPage } from '../http/link-routes.ts'
import { page } from '../http/pages.ts'
import { type Route, route } from '../http/route.ts'
import { resetPassword } from './reset-password.ts'

// The reset form, for services without a front end of their own. It works without scripts.

const token = v.fallback(field.mailedToken, '')
const text = v.fallback(v.string(), '')
const language = v.fallback(v.optional(v.string()), undefined)

const getReset = route({
  method: 'GET',
  path: '/api/v1/auth/reset-password',
  summary: 'Set a new password: the page',
  auth: 'none',
  limits: ['anonymous'],
  query: v.object({ token, lang: language }),
  replies: { 200: 'html' },
  problems: [],
  handle: async (deps, { query, client }) => {
    const lang = deps.theme.templates.locales.pick(query.lang, client.locale)
    const action = `reset-password/confirm?lang=${lang}`
    const min = deps.config.PASSWORD_MIN_LENGTH
    return { status: 200, ...page(deps, lang, 'reset', { action, token: query.token, min }) }
  },
})

const postReset = route({
  method: 'POST',
  path: '/api/v1/auth/reset-password/confirm',
  summary: 'Set a new password: the button of the page',
  auth: 'none',
  limits: ['anonymous'],
  accepts: 'form',
  query: v.object({ lang: language }),
  body: v.strictObject({ token, new_password: text }),
  replies: { 303: 'redirect', 400: 'html', 401: 'html' },
  problems: [],
  handle: async (deps, { body, query, client }) => {
    const { config } = deps
    const lang = deps.theme.templates.locales.pick(query.lang, client.locale)
    const { token, new_password: newPassword } = body
    const done = await resetPassword(deps, { presented: { token }, newPassword, origin: client })
    if (!(done instanceof Problem))
      return { status: 303, location: doneAddress(config, { name: 'password-reset', lang, ...done }) }
    if (done.code === 'INVALID_TOKEN') return { status: 401, ...page(deps, lang, 'invalid', {}) }
    // The relative address of the form's action is that of the page it was on.
    const again = page(deps, lang, 'reset', {
      action: `confirm?lang=${lang}`,
      token,
      min: config.PASSWORD_MIN_LENGTH,
      error: done.extra.errors?.[0]?.rule ?? 'other',
    })
    return { status: 400, ...again }
  },
})

export const passwordPageRoutes: Route[] = [
  getReset,
  postReset,
  plainPage({
    name: 'password-reset',
    summary: 'Set a new password: done',
    page: 'reset_done',
    again: 'reset_again',
  }),
]
