import type { Deps } from '../../deps.ts'
import type { Revocation } from './types.ts'

/**
 * Stores in Postgres that the feed lists the sessions of an ended epoch by their ids. Without this, the worker would make
 * the feed refuse every token that the user had until then, with those of the session that replaces them.
 */
export const markListed = async (
  { database }: Pick<Deps, 'database'>,
  { id, sub }: Revocation,
  sessionIds: readonly string[],
): Promise<void> => {
  await database.query(
    `WITH listed AS (UPDATE revocations SET is_listed = true WHERE id = $1)
     INSERT INTO revocations (sub, session_id) SELECT $2, unnest($3::uuid[])`,
    [id, sub, sessionIds],
  )
}
