import type { Deps } from '../../deps.ts'
import { type EmailDefinition, emailOf } from '../../platform/catalog/email-definition.ts'
import { isCodePurpose } from '../../platform/catalog/token-purposes.ts'
import type { Values } from '../../platform/theme/template.ts'
import { type IssuedToken, issueOneTimeToken } from '../one-time-tokens/issue-one-time-token.ts'
import { writeLoginCode } from '../one-time-tokens/write-login-code.ts'
import { writeUndoToken } from '../one-time-tokens/write-undo-token.ts'
import { isActive } from '../users/user-state.ts'
import type { Attempt } from './begin-attempt.ts'
import { type Draft, localeOf, valuesOf } from './email-values.ts'
import { emailForInactiveAccount } from './inactive-account-email.ts'
import { isOverLimit } from './over-limit.ts'
import { meetsCondition } from './send-conditions.ts'
import { withRegistration } from './verification-email.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'emails' | 'database' | 'reads' | 'redis' | 'keys' | 'secrets'>

/** An email that is ready to be rendered. */
type ComposedEmail = { email: EmailDefinition; to: string; locale: string; values: Values }

/** The token and code of an email, empty if it has none. Null if they would no longer work. */
const issueToken = async (deps: Needs, { email, row, user }: Draft): Promise<IssuedToken | null> => {
  const { token } = email
  if (!token) return { token: '', code: '' }
  if (token.purpose === 'login') return writeLoginCode(deps, row, token, user.id)
  if (isCodePurpose(token.purpose))
    return issueOneTimeToken(deps, row, token, { userId: user.id, address: row.recipient })
  const undo = writeUndoToken(deps, row, token, user.id)
  return undo === null ? null : { token: undo, code: '' }
}

/**
 * Decides at the moment of sending whether an email of the outbox is still sent, and composes it. Returns null if no
 * account has the address, the address is no longer theirs, or the email has become pointless.
 */
export const composeEmail = async (
  deps: Needs,
  { email: queued, user, registration }: Attempt,
): Promise<ComposedEmail | null> => {
  const { recipient } = queued
  if (!user || queued.proof_spent_at) return null
  const sent = isActive(user) ? queued : await emailForInactiveAccount(deps, queued, user)
  if (!sent) return null
  if (user.email !== recipient && !emailOf(deps.emails, sent.kind).sendTo.anyAddress) return null
  if (await isOverLimit(deps, queued, user)) return null

  const { email, row } = withRegistration(deps.emails, sent, registration)
  const draft = { email, row, user }
  if (!(await meetsCondition(deps, email, row, user))) return null
  const issued = await issueToken(deps, draft)
  if (!issued) return null
  const locale = localeOf({ ...draft, row: queued })
  return { email, to: recipient, locale, values: valuesOf(deps, draft, issued) }
}
