import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { isTokenOf, readOneTimeToken } from '../../platform/crypto/one-time-token.ts'
import { Emails } from '../../platform/mail/entity.ts'

/** Emails whose link undoes a change. The links live for days or weeks, and several are live simultaneously. */
type UndoKind = 'email_changed' | 'account_deleted'

/**
 * Finds the email that an undo link came from, unless the link was revoked. Searches the user's emails in Postgres, because
 * the link must survive a loss of Redis, and because a later change must not replace it: a thief could change twice.
 *
 * The oldest come first, so that a thief cannot push the owner's link out of the searched 50 by many changes. Used links
 * come last: they undo nothing more.
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
  const candidates = await database
    .getRepository(Emails)
    .createQueryBuilder()
    .where('user_id = :userId AND kind = :kind', { userId, kind })
    .andWhere('(proof_spent_at IS NULL OR proof_used_at IS NOT NULL)')
    .andWhere('created_at > :since', { since: new Date(now(clock) - lifetime) })
    .orderBy('proof_used_at', 'ASC', 'NULLS FIRST')
    .addOrderBy('created_at', 'ASC')
    .limit(50)
    .getMany()
  const email = candidates.find(({ id }) => isTokenOf(secrets, { purpose, emailId: id }, secret))
  if (!email) return null
  return { userId, emailId: email.id, address: email.recipient, isUsed: email.proof_used_at !== null }
}
