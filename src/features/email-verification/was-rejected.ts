import type { Deps } from '../../deps.ts'
import { readOneTimeToken, tokenHash } from '../../platform/crypto/one-time-token.ts'
import { hasRejection } from '../one-time-tokens/store.ts'

/** Whether this token removed its account, and the account is still gone according to Postgres. */
export const wasRejected = async (
  deps: Pick<Deps, 'database' | 'redis' | 'keys'>,
  token: string,
): Promise<boolean> => {
  const read = readOneTimeToken(token)
  if (!read || !(await hasRejection(deps, read.userId, tokenHash(read.secret)))) return false
  const found: unknown[] = await deps.database.query(
    `SELECT 1 FROM users WHERE id = $1 AND email <> id || '@rejected.invalid'`,
    [read.userId],
  )
  return found.length === 0
}
