import * as v from 'valibot'
import type { Deps } from '../../deps.ts'
import * as field from '../base/fields.ts'
import { example } from '../catalog/examples.ts'
import { Problem } from '../catalog/problems.ts'
import type { Config } from '../config/config.ts'
import type { Client } from '../http/client.ts'
import { publicRoute, type Route } from '../http/route.ts'
import type { ButtonPage, InvalidPage, PlainPage } from './page-bodies.ts'
import { page } from './pages.ts'

// The pages behind an emailed link. Mail scanners and previews open links, so opening one shows a button and changes
// nothing. The button posts a form.
//
// A token that a mail program has damaged shows the page of an invalid link, no error.

const language = v.fallback(v.optional(v.string()), undefined)
const token = v.fallback(field.mailedToken, '')
const linkQuery = v.object({ token, lang: language })

type Asked = { action: string; token: string }
type Shown = ReturnType<typeof page>

type Link = {
  /** The last part of the path in the email. */
  name: string
  summary: string
  /** The page with the button. */
  button: ButtonPage
  /** A page that says what the token is about, shown instead of `button`. Null if there is nothing to say. */
  show?: (deps: Deps, asked: Asked & { lang: string }) => Promise<Shown | null>
  done: { name: string; page: PlainPage; again: PlainPage; frontend?: string }
  /** The page of a link that has expired, was used or was replaced. */
  invalid: InvalidPage
  /** Whether opening the link is enough if `EMAIL_LINK_CONFIRM=instant`. */
  mayBeInstant: boolean
  act: (
    deps: Deps,
    input: { token: string; lang: string; client: Client },
  ) => Promise<{ isRepeat: boolean } | Problem>
}

const base = '/api/v1/auth'

/** The address of the page after the button, which says that the action is done, or was done before. */
export const doneAddress = (
  { PUBLIC_URL }: Pick<Config, 'PUBLIC_URL'>,
  { name, lang, isRepeat }: { name: string; lang: string; isRepeat: boolean },
): string => `${PUBLIC_URL}${base}/${name}?lang=${lang}${isRepeat ? '&again=1' : ''}`

/** `at`: at which address the page is shown. The address of a form is relative to it. */
type Following = { token: string; lang: string; client: Client; at: 'link' | 'button' }

/** The page of a link that has expired, was used or was replaced. */
export const invalidPage = (
  deps: Parameters<typeof page>[0],
  shown: InvalidPage,
  { lang, at }: Pick<Following, 'lang' | 'at'>,
) => {
  if (shown === 'invalid_change') return page(deps, lang, shown, {})
  const name = shown === 'invalid_verify' ? 'resend-verification' : 'forgot-password'
  return page(deps, lang, shown, { action: `${at === 'button' ? '../' : ''}${name}/confirm?lang=${lang}` })
}

const follow = async (link: Link, deps: Deps, input: Following) => {
  const { config } = deps
  const outcome = await link.act(deps, input)
  if (outcome instanceof Problem && outcome.code === 'DUPLICATE_ENTRY')
    return { status: 409, ...page(deps, input.lang, 'taken', {}) } as const
  if (outcome instanceof Problem) return { status: 401, ...invalidPage(deps, link.invalid, input) } as const
  const { name, frontend } = link.done
  if (frontend && config.FRONTEND_URL)
    return { status: 303, location: `${config.FRONTEND_URL}/${frontend}` } as const
  const { isRepeat } = outcome
  return { status: 303, location: doneAddress(config, { name, lang: input.lang, isRepeat }) } as const
}

const open = (link: Link): Route =>
  publicRoute({
    method: 'GET',
    path: `${base}/${link.name}`,
    summary: `${link.summary}: show the page`,
    description: link.mayBeInstant
      ? 'Shows a button and changes nothing, unless `EMAIL_LINK_CONFIRM=instant`.'
      : 'Shows a button and changes nothing.',
    auth: 'none',
    limits: ['anonymous'],
    query: linkQuery,
    replies: { 200: 'html', 303: 'redirect', 401: 'html', 409: 'html' },
    problems: [],
    example: { query: { token: example.token, lang: 'en' } },
    handle: async (deps, { query, client, head }) => {
      const { config } = deps
      const lang = deps.theme.templates.locales.pick(query.lang, client.locale)
      const { token } = query
      if (link.mayBeInstant && config.EMAIL_LINK_CONFIRM === 'instant' && !head)
        return follow(link, deps, { token, lang, client, at: 'link' })
      const action = `${link.name}/confirm?lang=${lang}`
      const shown = await link.show?.(deps, { action, token, lang })
      return { status: 200, ...(shown ?? page(deps, lang, link.button, { action, token })) }
    },
  })

const submit = (link: Link): Route =>
  publicRoute({
    method: 'POST',
    path: `${base}/${link.name}/confirm`,
    summary: `${link.summary}: submit the form`,
    auth: 'none',
    limits: ['anonymous'],
    accepts: 'form',
    query: v.object({ lang: language }),
    body: v.strictObject({ token }),
    replies: { 303: 'redirect', 401: 'html', 409: 'html' },
    problems: [],
    example: { body: { token: example.token }, query: { lang: 'en' } },
    handle: async (deps, { body, query, client }) => {
      const lang = deps.theme.templates.locales.pick(query.lang, client.locale)
      return follow(link, deps, { token: body.token, lang, client, at: 'button' })
    },
  })

type Plain = { name: string; summary: string; page: PlainPage; again: PlainPage }

/** A page that says that an action is done, or with `?again=1` that it was done before. */
export const plainPage = ({ name, summary, page: first, again }: Plain): Route =>
  publicRoute({
    method: 'GET',
    path: `${base}/${name}`,
    summary,
    auth: 'none',
    limits: ['anonymous'],
    query: v.object({ lang: language, again: v.fallback(v.optional(v.string()), undefined) }),
    replies: { 200: 'html' },
    problems: [],
    example: { query: { lang: 'en' } },
    handle: async (deps, { query, client }) => {
      const lang = deps.theme.templates.locales.pick(query.lang, client.locale)
      return { status: 200, ...page(deps, lang, query.again === '1' ? again : first, {}) }
    },
  })

/** The three routes of an emailed link: its page, the form of its button, and the page after that. */
export const linkRoutes = (link: Link): Route[] => [
  open(link),
  submit(link),
  plainPage({ ...link.done, summary: `${link.summary}: show the result` }),
]
