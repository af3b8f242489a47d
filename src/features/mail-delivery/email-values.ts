import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { EmailDefinition, LinkTarget } from '../../platform/catalog/email-definition.ts'
import type { Email } from '../../platform/mail/entity.ts'
import type { Values } from '../../platform/theme/template.ts'
import { deviceName } from '../devices/user-agent.ts'
import type { IssuedToken } from '../one-time-tokens/issue-one-time-token.ts'
import type { User } from '../users/entity.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** An email that is about to be written: its definition, its row and the account that receives it. */
export type Draft = { email: EmailDefinition; row: Email; user: User }

type Needs = Pick<Deps, 'config' | 'clock'>

type Context = Draft & Needs & { issued: IssuedToken }

const isForMailbox = ({ email, row }: Draft): boolean =>
  row.user_id === null && email.sendTo.mailboxOwner === true

/** The language of an email: that of the account, else that of the request which caused it. */
export const localeOf = (draft: Draft): string =>
  (isForMailbox(draft) ? null : draft.user.preferred_language) ?? draft.row.locale

/** A page of this service. */
const ownPage = (context: Context, page: string, token = ''): string => {
  const query = new URLSearchParams({ ...(token && { token }), lang: localeOf(context) })
  return `${context.config.PUBLIC_URL}/api/v1/auth/${page}?${query}`
}

const linkTo = (context: Context, target: LinkTarget): string => {
  const { FRONTEND_URL, PUBLIC_URL } = context.config
  const { token } = context.issued
  if (target === 'home') return FRONTEND_URL ?? PUBLIC_URL
  if (target === 'forgot-password') return FRONTEND_URL ?? ownPage(context, target)
  if (target === 'reset-password' && FRONTEND_URL) return `${FRONTEND_URL}/reset-password?token=${token}`
  return ownPage(context, target, token)
}

const lifetimeIn = (unit: number, { email }: Context): string => String((email.token?.lifetime ?? 0) / unit)

/** Full days that are left to undo a deletion, at least one. */
const daysToErasure = ({ user, clock }: Context): string => {
  const left = (user.erase_after?.getTime() ?? 0) - now(clock)
  return String(Math.max(1, Math.round(left / day)))
}

/** Where the value of a variable comes from. All other variables come from the data of the row. */
const sources: Readonly<Record<string, (context: Context) => string>> = {
  name: context => (isForMailbox(context) ? '' : (context.user.full_name ?? '')),
  account: ({ user }) => user.email,
  device: ({ row }) => deviceName(row.data.device ?? ''),
  code: ({ issued }) => issued.code,
  minutes: context => lifetimeIn(minute, context),
  hours: context => lifetimeIn(hour, context),
  days: context =>
    context.email.token?.purpose === 'undo_deletion' ? daysToErasure(context) : lifetimeIn(day, context),
  link: context => linkTo(context, context.email.link),
  remove_link: context => ownPage(context, 'reject-account', context.issued.token),
}

/** The value of each variable of an email. */
export const valuesOf = ({ config, clock }: Needs, draft: Draft, issued: IssuedToken): Values => {
  const context = { ...draft, config, clock, issued }
  const entries = draft.email.variables.map(name => [
    name,
    sources[name]?.(context) ?? draft.row.data[name] ?? '',
  ])
  return Object.fromEntries(entries)
}
