import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { EmailToken } from '../../platform/catalog/email-definition.ts'
import { emailSecrets, writeOneTimeToken } from '../../platform/crypto/one-time-token.ts'
import { keysOfSecret } from '../../platform/crypto/secrets.ts'
import type { Email } from '../../platform/mail/entity.ts'

/**
 * Writes the token of an undo link; `verifyUndoToken` finds it by the row of the email. Returns null if the link would be
 * dead already: the email is too old, or its token was consumed.
 */
export const writeUndoToken = (
  { secrets, clock }: Pick<Deps, 'secrets' | 'clock'>,
  email: Email,
  { purpose, lifetime }: EmailToken,
  userId: string,
): string | null => {
  if (email.proof_spent_at || email.created_at.getTime() + lifetime <= now(clock)) return null
  const { mail } = keysOfSecret(secrets, email.secret_id) ?? secrets.current
  return writeOneTimeToken(userId, emailSecrets(mail, purpose, email.id).secret)
}
