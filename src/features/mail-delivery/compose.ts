import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { type EmailKind, type EmailVars, emails, mailboxKinds } from '../../platform/catalog/emails.ts'
import type { Email } from '../../platform/mail/entity.ts'
import { deviceName } from '../devices/rules.ts'
import {
  type IssuedToken,
  issueOneTimeToken,
  type TokenKind,
} from '../one-time-tokens/issue-one-time-token.ts'
import { mayReset } from '../one-time-tokens/rules.ts'
import { writeUndoToken } from '../one-time-tokens/write-undo-token.ts'
import type { User } from '../users/entity.ts'
import { findUser, findUserByEmail } from '../users/store.ts'
import { isActive } from '../users/types.ts'
import { aboutRegistration } from './about-registration.ts'
import { isForClosedAccount } from './closed-account-email.ts'
import { isOverLimit } from './over-limit.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'database' | 'reads' | 'redis' | 'keys' | 'secrets'>

/** A mail about to be written. `to` is the account's own address, but in mails about a move: there the other one. */
export type Composed = {
  [K in EmailKind]: { kind: K; to: string; locale: string; vars: EmailVars<K> }
}[EmailKind]

const hour = 3_600_000
const day = 24 * hour

const hello = (user: User) => ({ name: user.full_name ?? '' })

const isForMailbox = ({ kind, user_id }: Email): boolean => user_id === null && mailboxKinds.includes(kind)

const localeOf = (email: Email, user: User): string =>
  (isForMailbox(email) ? null : user.preferred_language) ?? email.locale

const frontPage = ({ config }: Needs): string => config.FRONTEND_URL ?? config.PUBLIC_URL

/** A page of our own, by the address that it has under the API. */
const ownPage = ({ config }: Needs, name: string, query: Record<string, string>): string =>
  `${config.PUBLIC_URL}/api/v1/auth/${name}?${new URLSearchParams(query)}`

const prove = (deps: Needs, email: Email, user: User, kind: TokenKind): Promise<IssuedToken | null> =>
  issueOneTimeToken(deps, { ...email, kind }, { userId: user.id, address: email.recipient })

/** Where a password can be asked for: what a reader does who does not know what the email tells of. */
const securityPage = (deps: Needs, email: Email, user: User): string =>
  deps.config.FRONTEND_URL ?? ownPage(deps, 'forgot-password', { lang: localeOf(email, user) })

/** Where a password is chosen. */
const passwordPage = (deps: Needs, email: Email, user: User, { token }: IssuedToken): string => {
  const { FRONTEND_URL } = deps.config
  if (FRONTEND_URL) return `${FRONTEND_URL}/reset-password?token=${token}`
  return ownPage(deps, 'reset-password', { token, lang: localeOf(email, user) })
}

/** When, from where and by what, as the row remembers. */
const circumstances = ({ data }: Email) => ({
  time: data.time ?? '',
  ip: data.ip ?? '',
  device: deviceName(data.device ?? ''),
})

const notice = (deps: Needs, email: Email, user: User) => ({
  ...hello(user),
  ...circumstances(email),
  link: securityPage(deps, email, user),
})

const askToVerify = async (deps: Needs, email: Email, user: User) => {
  const proof = user.email_verified ? null : await prove(deps, email, user, 'verify_email')
  if (!proof) return null
  const { token, code } = proof
  const link = ownPage(deps, 'verify-email', { token, lang: localeOf(email, user) })
  return { ...hello(user), link, code, hours: String(emails.verify_email.proof.ttl / hour), token }
}

const compose: { [K in EmailKind]: (deps: Needs, email: Email, user: User) => Promise<EmailVars<K> | null> } =
  {
    verify_email: async (deps, email, user) => {
      const asked = await askToVerify(deps, email, user)
      if (!asked) return null
      const query = { token: asked.token, lang: localeOf(email, user) }
      return { ...asked, ...circumstances(email), remove_link: ownPage(deps, 'reject-account', query) }
    },

    verify_invited: askToVerify,

    welcome: async (deps, _email, user) => ({ ...hello(user), link: frontPage(deps) }),

    welcome_guest: async (deps, email, user) => {
      const proof = user.password_hash === null && (await prove(deps, email, user, 'welcome_guest'))
      if (!proof) return null
      const link = passwordPage(deps, email, user, proof)
      return { ...hello(user), link, code: proof.code, hours: String(emails.welcome_guest.proof.ttl / hour) }
    },

    reset_password: async (deps, email, user) => {
      const proof = await prove(deps, email, user, 'reset_password')
      if (!proof) return null
      const minutes = String(emails.reset_password.proof.ttl / 60_000)
      return { ...hello(user), link: passwordPage(deps, email, user, proof), code: proof.code, minutes }
    },

    password_changed: async (deps, email, user) => notice(deps, email, user),

    email_change: async (deps, email, user) => {
      // Somebody has the address: their mailbox is not to be bothered, and nobody is told.
      if (await findUserByEmail(deps.reads, email.recipient)) return null
      const proof = await prove(deps, email, user, 'email_change')
      if (!proof) return null
      const link = ownPage(deps, 'confirm-email', { token: proof.token, lang: localeOf(email, user) })
      return {
        ...hello(user),
        account: user.email,
        link,
        code: proof.code,
        hours: String(emails.email_change.proof.ttl / hour),
      }
    },

    email_changed: async (deps, email, user) => {
      const token = writeUndoToken(deps, { ...email, kind: 'email_changed' }, user.id)
      if (!token) return null
      const link = ownPage(deps, 'undo-email-change', { token, lang: localeOf(email, user) })
      const days = String(emails.email_changed.proof.ttl / day)
      return { ...hello(user), email: email.data.email ?? '', link, days }
    },

    email_change_undone: async (_deps, email, user) => ({
      ...{ ...hello(user), ...circumstances(email) },
      email: email.data.email ?? '',
    }),

    new_device: async (deps, email, user) => notice(deps, email, user),

    account_exported: async (deps, email, user) => notice(deps, email, user),

    session_reuse: async (_deps, email, user) => ({ ...hello(user), ...circumstances(email) }),

    account_deleted: async (deps, email, user) => {
      const token = writeUndoToken(deps, { ...email, kind: 'account_deleted' }, user.id)
      if (!token || !user.erase_after) return null
      const link = ownPage(deps, 'undo-deletion', { token, lang: localeOf(email, user) })
      const days = Math.round((user.erase_after.getTime() - now(deps.clock)) / day)
      return { ...hello(user), link, days: String(Math.max(1, days)) }
    },

    purchase_confirmation: async (deps, email, user) => ({
      name: isForMailbox(email) ? '' : hello(user).name,
      item: email.data.item ?? '',
      amount: email.data.amount ?? '',
      reference: email.data.reference ?? '',
      link: frontPage(deps),
    }),

    purchase_claim: async (deps, email, user) => {
      const proof = mayReset(user, now(deps.clock)) && (await prove(deps, email, user, 'purchase_claim'))
      if (!proof) return null
      const hours = String(emails.purchase_claim.proof.ttl / hour)
      return { name: '', link: passwordPage(deps, email, user, proof), code: proof.code, hours }
    },

    account_exists: async (deps, email, user) => ({
      ...hello(user),
      link: securityPage(deps, email, user),
    }),
  }

/** Mails to an address that the account does not have yet, or may not have any more: whoever moves it away silences none. */
const toAnotherAddress: readonly EmailKind[] = [
  ...(['email_change', 'email_changed', 'email_change_undone'] as const),
  ...(['password_changed', 'new_device', 'session_reuse', 'account_exported'] as const),
  'purchase_confirmation',
]

/**
 * Decides, at the moment of sending, whether a row of the outbox is still owed and what it says. Returns null where
 * nobody has the address, it is no longer theirs, or the mail has nothing left to say.
 */
export const composeEmail = async (deps: Needs, asked: Email): Promise<Composed | null> => {
  const { recipient } = asked
  const user = asked.user_id
    ? await findUser(deps.reads, asked.user_id)
    : await findUserByEmail(deps.reads, recipient)
  if (!user || asked.proof_spent_at) return null
  const email = isActive(user) ? asked : await isForClosedAccount(deps, asked, user)
  if (!email) return null
  if (user.email !== recipient && !toAnotherAddress.includes(email.kind)) return null
  if (await isOverLimit(deps, asked)) return null
  const { kind, email: told } = await aboutRegistration(deps, email, user)
  const vars = await compose[kind](deps, told, user)
  return vars && ({ kind, to: recipient, locale: localeOf(asked, user), vars } as Composed)
}
