import type { Deps } from '../../deps.ts'
import { type Revocation, settleAfterMs } from './types.ts'

/** The ended epochs that the worker has not checked yet. */
export const findUnsettled = ({ database }: Pick<Deps, 'database'>): Promise<Revocation[]> =>
  database.query(
    `SELECT * FROM revocations
      WHERE session_id IS NULL AND NOT is_settled AND at < now() - $1 * interval '1 millisecond'
      ORDER BY at LIMIT 500`,
    [settleAfterMs],
  )
