import type { Deps } from '../../deps.ts'
import { emailOf, kindsFor } from '../../platform/catalog/email-definition.ts'
import type { TokenPurpose } from '../../platform/catalog/token-purposes.ts'
import { isTokenOf } from '../../platform/crypto/one-time-token.ts'

export type UsedToken = { emailId: string; address: string; expiresIn: number }

type Row = { id: string; kind: string; recipient: string; age: string }

/**
 * Finds the email whose link was used with this secret and has not expired. Searches Postgres, because a newer email may
 * have replaced the token in Redis, or Redis may have lost it. `expiresIn` is in milliseconds.
 */
export const findUsedToken = async (
  { emails, database, secrets, clock }: Pick<Deps, 'emails' | 'database' | 'secrets' | 'clock'>,
  purpose: TokenPurpose,
  { userId, secret }: { userId: string; secret: Buffer },
): Promise<UsedToken | null> => {
  const rows: Row[] = await database.query(
    `SELECT id, kind, recipient, extract(epoch FROM now() - created_at) * 1000 AS age FROM emails
      WHERE (user_id = $1 OR user_id IS NULL AND recipient = (SELECT email FROM users WHERE id = $1))
        AND kind = ANY($2) AND proof_used_at IS NOT NULL
      ORDER BY proof_used_at DESC LIMIT 20`,
    [userId, kindsFor(emails, [purpose])],
  )
  const row = rows.find(({ id }) => isTokenOf(secrets, { purpose, emailId: id }, secret))
  const token = row && emailOf(emails, row.kind).token
  if (!token) return null
  const expiresIn = token.lifetime - Number(row.age) - clock.shift
  return expiresIn > 0 ? { emailId: row.id, address: row.recipient, expiresIn } : null
}
