import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { kindsFor } from '../../platform/catalog/email-definition.ts'
import type { UndoPurpose } from '../../platform/catalog/token-purposes.ts'
import { isTokenOf, readOneTimeToken } from '../../platform/crypto/one-time-token.ts'
import { type Email, Emails } from '../../platform/mail/entity.ts'

export type UndoEmail = {
  userId: string
  emailId: string
  kind: string
  /** The recipient. */
  address: string
  data: Readonly<Record<string, string>>
  createdAt: Date
  isUsed: boolean
}

/**
 * Finds the email that an undo link came from, unless the link was revoked. Searches the user's emails in Postgres, because
 * the link must survive a loss of Redis, and because a later change must not replace it: a thief could change twice.
 *
 * The oldest come first, so that a thief cannot push the owner's link out of the searched 1000 by many changes. Used links
 * come last: they undo nothing more.
 */
export const verifyUndoToken = async (
  { database, secrets, clock, emails }: Pick<Deps, 'database' | 'secrets' | 'clock' | 'emails'>,
  purpose: UndoPurpose,
  token: string,
): Promise<UndoEmail | null> => {
  const read = readOneTimeToken(token)
  if (!read) return null
  const { userId, secret } = read
  const lifetimes = emails.map(each => (each.token?.purpose === purpose ? each.token.lifetime : 0))
  const candidates: Pick<Email, 'id'>[] = await database
    .getRepository(Emails)
    .createQueryBuilder()
    .select('id')
    .where('user_id = :userId AND kind = ANY(:kinds)', { userId, kinds: kindsFor(emails, [purpose]) })
    .andWhere('(proof_spent_at IS NULL OR proof_used_at IS NOT NULL)')
    .andWhere('created_at > :since', { since: new Date(now(clock) - Math.max(...lifetimes)) })
    .orderBy('proof_used_at', 'ASC', 'NULLS FIRST')
    .addOrderBy('created_at', 'ASC')
    .limit(1000)
    .getRawMany()
  const found = candidates.find(({ id }) => isTokenOf(secrets, { purpose, emailId: id }, secret))
  const email = found && (await database.getRepository(Emails).findOneBy({ id: found.id }))
  if (!email) return null
  const { kind, data, recipient: address, created_at: createdAt } = email
  return { userId, emailId: email.id, kind, data, address, createdAt, isUsed: email.proof_used_at !== null }
}
