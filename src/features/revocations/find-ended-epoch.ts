import type { Deps } from '../../deps.ts'
import type { Revocation } from './types.ts'

/** The latest end of all sessions of a user that matters to the feed, or null. */
export const findEndedEpoch = async (
  { database }: Pick<Deps, 'database'>,
  userId: string,
): Promise<Revocation | null> => {
  const [ended]: Revocation[] = await database.query(
    'SELECT * FROM revocations WHERE sub = $1 AND session_id IS NULL ORDER BY at DESC LIMIT 1',
    [userId],
  )
  return ended ?? null
}
