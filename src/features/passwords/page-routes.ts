import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { emailPageRoutes } from '../../platform/pages/email-page-routes.ts'
import { doneAddress, invalidPage, plainPage } from '../../platform/pages/link-routes.ts'
import { page } from '../../platform/pages/pages.ts'
import { route } from '../sessions/route.ts'
import { checkResetToken } from './check-reset-token.ts'
import { forgotPassword } from './forgot-password.ts'
import { resetPassword } from './reset-password.ts'

// The pages of a reset, for services without a front end of their own. They work without scripts.

const token = v.fallback(field.mailedToken, '')
const text = v.fallback(v.string(), '')
const language = v.fallback(v.optional(v.string()), undefined)

type Needs = Parameters<typeof page>[0] & Parameters<typeof checkResetToken>[0]
type Shown = { lang: string; at: 'link' | 'button'; error?: string }

/** The form of a new password. A valid link shows the address of the account, because password managers need it. */
const resetPage = async (deps: Needs, presented: { token: string }, { lang, at, error }: Shown) => {
  const { PASSWORD_MIN_LENGTH: min, PASSWORD_REQUIRE: kinds } = deps.config
  const check = await checkResetToken(deps, presented)
  if (check instanceof Problem)
    return { status: 401, ...invalidPage(deps, 'invalid_reset', { lang, at }) } as const
  // The relative address of the form's action is that of the page it was on.
  const action = `${at === 'link' ? 'reset-password/' : ''}confirm?lang=${lang}`
  const options = { action, ...presented, username: check.email, min, kinds, error }
  return { status: error ? 400 : 200, ...page(deps, lang, 'reset', options) } as const
}

const getReset = route({
  method: 'GET',
  path: '/api/v1/auth/reset-password',
  summary: 'Set a new password: the page',
  description: 'Shows the form, or where the link is no longer good one to ask for another. Changes nothing.',
  auth: 'none',
  limits: ['anonymous'],
  query: v.object({ token, lang: language }),
  replies: { 200: 'html', 400: 'html', 401: 'html' },
  problems: [],
  handle: async (deps, { query, client }) => {
    const lang = deps.theme.templates.locales.pick(query.lang, client.locale)
    return resetPage(deps, { token: query.token }, { lang, at: 'link' })
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
  replies: { 200: 'html', 303: 'redirect', 400: 'html', 401: 'html' },
  problems: [],
  handle: async (deps, { body, query, client }) => {
    const lang = deps.theme.templates.locales.pick(query.lang, client.locale)
    const { token, new_password: newPassword } = body
    const done = await resetPassword(deps, { presented: { token }, newPassword, origin: client })
    if (!(done instanceof Problem))
      return { status: 303, location: doneAddress(deps.config, { name: 'password-reset', lang, ...done }) }
    const error = done.extra.errors?.[0]?.rule ?? 'other'
    return resetPage(deps, { token }, { lang, at: 'button', error })
  },
})

const getForgot = route({
  method: 'GET',
  path: '/api/v1/auth/forgot-password',
  summary: 'Ask for a mail that resets a password: the page',
  auth: 'none',
  limits: ['anonymous'],
  query: v.object({ lang: language }),
  replies: { 200: 'html' },
  problems: [],
  handle: async (deps, { query, client }) => {
    const lang = deps.theme.templates.locales.pick(query.lang, client.locale)
    const action = `forgot-password/confirm?lang=${lang}`
    return { status: 200, ...page(deps, lang, 'forgot', { action }) }
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
  getForgot,
  ...emailPageRoutes({
    name: 'forgot-password',
    summary: 'Ask for a mail that resets a password',
    page: 'forgot',
    sent: { name: 'reset-link-sent', page: 'reset_sent' },
    act: forgotPassword,
  }),
]
