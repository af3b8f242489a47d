import { now } from '../base/clock.ts'
import { emails } from '../base/emails.ts'
import { sameBytes } from '../crypto/derive.ts'
import { mailSecrets, readProofToken } from '../crypto/proof.ts'
import type { Deps } from '../deps.ts'
import { Emails } from '../mail/entity.ts'

/** Kinds of mail whose link takes a change back. They live for days or weeks, and several at once. */
export type UndoKind = 'email_changed' | 'account_deleted'

/**
 * Finds the mail that an undo link came from. Such a link must outlast a Redis that forgets, and a later change must
 * not replace it, or a thief would change twice: so it is looked for among the mails of the user in Postgres, and from
 * the oldest on, or a thief would change often.
 */
export const checkUndo = async (
  { database, secrets, clock }: Pick<Deps, 'database' | 'secrets' | 'clock'>,
  kind: UndoKind,
  token: string,
): Promise<{ userId: string; emailId: string; address: string } | null> => {
  const read = readProofToken(token)
  if (!read) return null
  const { userId, secret } = read
  const { purpose, ttl } = emails[kind].proof
  const sent = await database
    .getRepository(Emails)
    .createQueryBuilder()
    .where('user_id = :userId AND kind = :kind AND proof_spent_at IS NULL', { userId, kind })
    .andWhere('created_at > :since', { since: new Date(now(clock) - ttl) })
    .orderBy('created_at', 'ASC')
    .limit(50)
    .getMany()
  const mail = sent.find(({ id }) => sameBytes(mailSecrets(secrets.mail, purpose, id).secret, secret))
  return mail ? { userId, emailId: mail.id, address: mail.recipient } : null
}
