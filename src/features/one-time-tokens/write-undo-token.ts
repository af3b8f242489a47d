import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { mailSecrets, writeProofToken } from '../../platform/crypto/one-time-token.ts'
import type { Email } from '../../platform/mail/entity.ts'
import type { UndoKind } from './verify-undo-token.ts'

/**
 * The token of an undo link, which `verifyUndoToken` finds again by the row that it came from. Null where it would be dead on
 * arrival: the mail is too old, or its proof was spent already.
 */
export const writeUndoToken = (
  { secrets, clock }: Pick<Deps, 'secrets' | 'clock'>,
  email: Email & { kind: UndoKind },
  userId: string,
): string | null => {
  const { purpose, ttl } = emails[email.kind].proof
  if (email.proof_spent_at || email.created_at.getTime() + ttl <= now(clock)) return null
  return writeProofToken(userId, mailSecrets(secrets.mail, purpose, email.id).secret)
}
