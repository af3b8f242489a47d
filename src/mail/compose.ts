import type { User } from '../accounts/entity.ts'
import { findUser, findUserByEmail } from '../accounts/store.ts'
import { type EmailKind, type EmailVars, emails } from '../base/emails.ts'
import type { Deps } from '../deps.ts'
import { issueProof } from '../proofs/issue-proof.ts'
import type { Email } from './entity.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'database' | 'redis' | 'keys' | 'secrets'>

/** A mail about to be written. `to` is the stored address and none that a request named. */
export type Composed = {
  [K in EmailKind]: { kind: K; to: string; locale: string; vars: EmailVars<K> }
}[EmailKind]

const hour = 3_600_000

const frontPage = ({ config }: Needs): string => config.FRONTEND_URL ?? config.PUBLIC_URL

const compose: { [K in EmailKind]: (deps: Needs, email: Email, user: User) => Promise<EmailVars<K> | null> } =
  {
    verify_email: async (deps, email, user) => {
      if (user.email_verified) return null
      const proof = await issueProof(
        deps,
        { ...email, kind: 'verify_email' },
        { userId: user.id, address: user.email },
      )
      if (!proof) return null
      const query = new URLSearchParams({ token: proof.token, lang: user.preferred_language ?? email.locale })
      return {
        name: user.full_name ?? '',
        link: `${deps.config.PUBLIC_URL}/api/v1/auth/verify-email?${query}`,
        code: proof.code,
        hours: String(emails.verify_email.proof.ttl / hour),
      }
    },

    welcome: async (deps, _email, user) => ({ name: user.full_name ?? '', link: frontPage(deps) }),

    session_reuse: async (_deps, email, user) => ({
      name: user.full_name ?? '',
      time: email.data.time ?? '',
      ip: email.data.ip ?? '',
      device: email.data.device ?? '',
    }),
  }

/**
 * Decides, at the moment of sending, whether a row of the outbox is still owed and what it says. Returns null where
 * nobody has the address, it is no longer theirs, or the mail has nothing left to say.
 */
export const composeMail = async (deps: Needs, email: Email): Promise<Composed | null> => {
  const user = email.user_id
    ? await findUser(deps.database, email.user_id)
    : await findUserByEmail(deps.database, email.recipient)
  if (!user?.is_active || user.email !== email.recipient) return null
  const vars = await compose[email.kind](deps, email, user)
  const locale = user.preferred_language ?? email.locale
  return vars && ({ kind: email.kind, to: user.email, locale, vars } as Composed)
}
