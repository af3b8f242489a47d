import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { emailRequestRoutes } from '../../platform/pages/email-request-routes.ts'
import { doneAddress, invalidPage, plainPage } from '../../platform/pages/link-routes.ts'
import { page } from '../../platform/pages/pages.ts'
import { route } from '../sessions/route.ts'
import { checkResetToken } from './check-reset-token.ts'
import { forgotPassword } from './forgot-password.ts'
import { resetPassword } from './reset-password.ts'

// The request of a reset, and the pages of a reset for services without a front end. The pages work without scripts.

const resetSummary = 'Reset a password'
const forgotSummary = 'Request a password reset email'

const token = v.fallback(field.mailedToken, '')
const text = v.fallback(v.string(), '')
const language = v.fallback(v.optional(v.string()), undefined)

type Needs = Parameters<typeof page>[0] & Parameters<typeof checkResetToken>[0]
type Shown = { lang: string; at: 'link' | 'button'; error?: string }

/** The form for a new password. A valid link shows the address of the account, because password managers need it. */
const resetPage = async (deps: Needs, presented: { token: string }, { lang, at, error }: Shown) => {
  const { PASSWORD_MIN_LENGTH: min, PASSWORD_REQUIRE: kinds } = deps.config
  const check = await checkResetToken(deps, presented)
  if (check instanceof Problem)
    return { status: 401, ...invalidPage(deps, 'invalid_reset', { lang, at }) } as const
  // The address of the form is relative to that of the page.
  const action = `${at === 'link' ? 'reset-password/' : ''}confirm?lang=${lang}`
  const options = { action, ...presented, username: check.email, min, kinds, error }
  return { status: error ? 400 : 200, ...page(deps, lang, 'reset', options) } as const
}

const getReset = route({
  method: 'GET',
  path: '/api/v1/auth/reset-password',
  summary: `${resetSummary}: show the page`,
  description: 'Shows the form, or for an invalid link a form that requests another email. Changes nothing.',
  auth: 'none',
  limits: ['anonymous'],
  query: v.object({ token, lang: language }),
  replies: { 200: 'html', 400: 'html', 401: 'html' },
  problems: [],
  example: { query: { token: example.token, lang: 'en' } },
  handle: async (deps, { query, client }) => {
    const lang = deps.theme.templates.locales.pick(query.lang, client.locale)
    return resetPage(deps, { token: query.token }, { lang, at: 'link' })
  },
})

const postReset = route({
  method: 'POST',
  path: '/api/v1/auth/reset-password/confirm',
  summary: `${resetSummary}: submit the form`,
  auth: 'none',
  limits: ['anonymous'],
  accepts: 'form',
  query: v.object({ lang: language }),
  body: v.strictObject({ token, new_password: text }),
  replies: { 200: 'html', 303: 'redirect', 400: 'html', 401: 'html' },
  problems: [],
  example: { body: { token: example.token, new_password: example.newPassword }, query: { lang: 'en' } },
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
  summary: `${forgotSummary}: show the page`,
  auth: 'none',
  limits: ['anonymous'],
  query: v.object({ lang: language }),
  replies: { 200: 'html' },
  problems: [],
  example: { query: { lang: 'en' } },
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
    summary: `${resetSummary}: show the result`,
    page: 'reset_done',
    again: 'reset_again',
  }),
  getForgot,
  ...emailRequestRoutes({
    name: 'forgot-password',
    summary: forgotSummary,
    description:
      'The reply is the same for every address, with or without an account. After three requests in an hour no further email is sent to the address. The newest link stays valid. For a deleted account the email holds the link that undoes the deletion.',
    form: 'forgot',
    sent: { name: 'reset-link-sent', page: 'reset_sent' },
    act: forgotPassword,
  }),
]
