import * as v from 'valibot'
import type { Deps } from '../../deps.ts'
import * as field from '../base/fields.ts'
import type { Origin } from '../base/origin.ts'
import { publicRoute, type Route } from '../http/route.ts'
import type { EmailPage, PlainPage } from './page-bodies.ts'
import { page } from './pages.ts'

// The page of an expired link asks for the address and sends a new link. The reply is the same for known and unknown
// addresses, and the form shares the limits of the API route.

const text = v.fallback(v.optional(v.string()), undefined)

type EmailPages = {
  /** The last part of the address that apps post to; the form posts to `<name>/confirm`. */
  name: string
  summary: string
  /** The page that holds the form. */
  page: EmailPage
  sent: { name: string; page: PlainPage }
  act: (
    deps: Deps,
    input: { email: string; locale: string; overLimit: boolean; origin: Origin },
  ) => Promise<void>
}

const base = '/api/v1/auth'

/** The form that a page posts an address with, and the page that follows. */
export const emailPageRoutes = ({ name, summary, page: asking, sent, act }: EmailPages): Route[] => [
  publicRoute({
    method: 'POST',
    path: `${base}/${name}/confirm`,
    summary: `${summary}: the button of the page`,
    auth: 'none',
    limits: ['mail_ip', 'mail'],
    accepts: 'form',
    query: v.object({ lang: text }),
    headers: v.object({ 'sec-fetch-site': text }),
    body: v.strictObject({ email: v.fallback(field.email, '') }),
    replies: { 303: 'redirect', 400: 'html' },
    problems: [],
    handle: async (deps, { body: { email }, query, headers, client, isOverMailLimit }) => {
      const lang = deps.theme.templates.locales.pick(query.lang, client.locale)
      const action = `confirm?lang=${lang}`
      if (email === '') return { status: 400, ...page(deps, lang, asking, { action, error: 'email' }) }
      // Reject forms of other sites: each visitor of such a site would send an email without knowing.
      const isForeign = /^(?:cross|same)-site$/.test(headers['sec-fetch-site'] ?? '')
      if (isForeign) return { status: 400, ...page(deps, lang, asking, { action }) }
      await act(deps, { email, locale: lang, overLimit: await isOverMailLimit(), origin: client })
      return { status: 303, location: `${deps.config.PUBLIC_URL}${base}/${sent.name}?lang=${lang}` }
    },
  }),
  publicRoute({
    method: 'GET',
    path: `${base}/${sent.name}`,
    summary: `${summary}: done`,
    auth: 'none',
    limits: ['anonymous'],
    query: v.object({ lang: text }),
    replies: { 200: 'html' },
    problems: [],
    handle: async (deps, { query, client }) => {
      const lang = deps.theme.templates.locales.pick(query.lang, client.locale)
      return { status: 200, ...page(deps, lang, sent.page, {}) }
    },
  }),
]
