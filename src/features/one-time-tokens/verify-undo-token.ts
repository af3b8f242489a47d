import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { sameBytes } from '../../platform/crypto/derive.ts'
import { emailSecrets, readOneTimeToken } from '../../platform/crypto/one-time-token.ts'
import { Emails } from '../../platform/mail/entity.ts'

/** Kinds of mail whose link takes a change back. They live for days or weeks, and several at once. */
type UndoKind = 'email_changed' | 'account_deleted'

/**
 * Finds the mail that an undo link came from, unless it was made void. Such a link must outlast a Redis that forgets, and
 * a later change must not replace it, or a thief would change twice: so it is looked for among the mails of the user in
 * Postgres, and from the oldest on, or a thief would change often. Links that were used come last: they undo nothing more.
 */
export const verifyUndoToken = async (
  { database, secrets, clock }: Pick<Deps, 'database' | 'secrets' | 'clock'>,
  kind: UndoKind,
  token: string,
): Promise<{ userId: string; emailId: string; address: string; isUsed: boolean } | null> => {
  const read = readOneTimeToken(token)
  if (!read) return null
  const { userId, secret } = read
  const { purpose, lifetime } = emails[kind].token
  const sent = await database
    .getRepository(Emails)
    .createQueryBuilder()
    .where('user_id = :userId AND kind = :kind', { userId, kind })
    .andWhere('(proof_spent_at IS NULL OR proof_used_at IS NOT NULL)')
    .andWhere('created_at > :since', { since: new Date(now(clock) - lifetime) })
    .orderBy('proof_used_at', 'ASC', 'NULLS FIRST')
    .addOrderBy('created_at', 'ASC')
    .limit(50)
    .getMany()
  const mail = sent.find(({ id }) => sameBytes(emailSecrets(secrets.mail, purpose, id).secret, secret))
  if (!mail) return null
  return { userId, emailId: mail.id, address: mail.recipient, isUsed: mail.proof_used_at !== null }
}
