import * as v from 'valibot'
import type { Deps } from '../../deps.ts'
import * as field from '../base/fields.ts'
import type { Origin } from '../base/origin.ts'
import { example } from '../catalog/examples.ts'
import { publicRoute, type Route } from '../http/route.ts'
import type { EmailPage, PlainPage } from './page-bodies.ts'
import { page } from './pages.ts'

// Routes that request an email to an address: one for apps, and a form for the page of an expired link. Both share their
// limits, and their reply is the same for known and unknown addresses.

const text = v.fallback(v.optional(v.string()), undefined)

type EmailRequest = {
  /** The last part of the path that apps post to. The form posts to `<name>/confirm`. */
  name: string
  summary: string
  description: string
  /** The page with the form, and the page after it. */
  form: EmailPage
  sent: { name: string; page: PlainPage }
  act: (
    deps: Deps,
    input: { email: string; locale: string; overLimit: boolean; origin: Origin },
  ) => Promise<void>
}

const base = '/api/v1/auth'
const limits = ['mail_ip', 'mail'] as const

const request = ({ name, summary, description, act }: EmailRequest): Route =>
  publicRoute({
    method: 'POST',
    path: `${base}/${name}`,
    summary,
    description,
    auth: 'none',
    limits,
    body: v.strictObject({ email: field.email }),
    replies: { 202: 'empty' },
    problems: [],
    example: { body: { email: example.email } },
    handle: async (deps, { body, client, isOverMailLimit }) => {
      const overLimit = await isOverMailLimit()
      await act(deps, { email: body.email, locale: client.locale, overLimit, origin: client })
      return { status: 202 }
    },
  })

const submit = ({ name, summary, form, sent, act }: EmailRequest): Route =>
  publicRoute({
    method: 'POST',
    path: `${base}/${name}/confirm`,
    summary: `${summary}: submit the form`,
    auth: 'none',
    limits,
    accepts: 'form',
    query: v.object({ lang: text }),
    headers: v.object({ 'sec-fetch-site': text }),
    body: v.strictObject({ email: v.fallback(field.email, '') }),
    replies: { 303: 'redirect', 400: 'html' },
    problems: [],
    example: { body: { email: example.email }, query: { lang: 'en' } },
    handle: async (deps, { body: { email }, query, headers, client, isOverMailLimit }) => {
      const lang = deps.theme.templates.locales.pick(query.lang, client.locale)
      const action = `confirm?lang=${lang}`
      if (email === '') return { status: 400, ...page(deps, lang, form, { action, error: 'email' }) }
      // Reject forms of other origins: each visitor of such a page would send an email without knowing.
      const isForeign = /^(?:cross|same)-site$/.test(headers['sec-fetch-site'] ?? '')
      if (isForeign) return { status: 400, ...page(deps, lang, form, { action }) }
      await act(deps, { email, locale: lang, overLimit: await isOverMailLimit(), origin: client })
      return { status: 303, location: `${deps.config.PUBLIC_URL}${base}/${sent.name}?lang=${lang}` }
    },
  })

const showSent = ({ summary, sent }: EmailRequest): Route =>
  publicRoute({
    method: 'GET',
    path: `${base}/${sent.name}`,
    summary: `${summary}: show the result`,
    auth: 'none',
    limits: ['anonymous'],
    query: v.object({ lang: text }),
    replies: { 200: 'html' },
    problems: [],
    example: { query: { lang: 'en' } },
    handle: async (deps, { query, client }) => {
      const lang = deps.theme.templates.locales.pick(query.lang, client.locale)
      return { status: 200, ...page(deps, lang, sent.page, {}) }
    },
  })

/** The route that requests an email, the form of its page, and the page after it. */
export const emailRequestRoutes = (options: EmailRequest): Route[] => [
  request(options),
  submit(options),
  showSent(options),
]
