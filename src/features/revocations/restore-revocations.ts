import { NIL } from 'uuid'
import type { Deps } from '../../deps.ts'
import { announce, findMissing, isComplete, keepMs, markComplete, readLastCursor } from './store.ts'
import { type Cursor, type Ending, type Revocation, settleAfterMs } from './types.ts'

const batchSize = 1000

type Needs = Pick<Deps, 'config' | 'clock' | 'database' | 'redis' | 'keys'>

/**
 * Adds to the feed in Redis what Postgres knows and Redis has lost: of the last `lookBackMs` milliseconds, or all of it if
 * Redis was flushed. Returns whether the feed is complete then, as Redis may lose entries meanwhile.
 */
export const restoreRevocations = async (
  deps: Needs,
  lookBackMs = Number.POSITIVE_INFINITY,
): Promise<boolean> => {
  const longest = keepMs(deps)
  let last = await readLastCursor(deps)
  const lookBack = (await isComplete(deps)) ? Math.min(lookBackMs, longest) : longest
  let position: Position = { moment: null, id: NIL }
  for (;;) {
    const rows = await rowsAfter(deps, position, lookBack)
    const endings = rows.map(row => endingOf(deps, row)).filter(isEntry)
    const added = await Promise.all((await findMissing(deps, endings)).map(ending => announce(deps, ending)))
    last = added.reduce(later, last)
    position = rows.at(-1) ?? position
    if (rows.length < batchSize) return markComplete(deps, last)
  }
}

/** `moment` is the time of a row as Postgres writes it: a `Date` has no microseconds, so rows would be read twice. */
type Position = { moment: string | null; id: string }

// By the index of `at`: a sort of all rows for each batch would take minutes after a flush of Redis. Only the clock of
// Postgres counts, because a process whose clock is ahead would find no row.
const rowsAfter = (
  { database }: Needs,
  { moment, id }: Position,
  lookBack: number,
): Promise<(Revocation & Position)[]> =>
  database.query(
    `SELECT id, sub, session_id, epoch, at, at::text AS moment, is_listed FROM revocations
      WHERE (at, id) > (coalesce($1::timestamptz, now() - $4 * interval '1 millisecond'), $2)
        AND (session_id IS NOT NULL OR at < now() - $3 * interval '1 millisecond')
      ORDER BY at, id LIMIT ${batchSize}`,
    [moment, id, settleAfterMs, lookBack],
  )

const endingOf = ({ clock }: Needs, { sub, session_id, is_listed, at }: Revocation): Ending => {
  const endedAt = at.getTime() + clock.shift
  if (session_id !== null) return { sub, sessionIds: [session_id], before: null, endedAt }
  // The transaction may have committed in the second after this time, so the tokens of that second are refused too.
  const before = is_listed ? null : Math.floor(endedAt / 1000) * 1000 + 1000
  return { sub, sessionIds: [], before, endedAt }
}

const isEntry = ({ sessionIds, before }: Ending): boolean => sessionIds.length > 0 || before !== null

const numbersOf = ({ id }: Cursor): [number, number] => {
  const [time = '', sequence = ''] = id.split('-')
  return [Number(time), Number(sequence)]
}

const later = (a: Cursor | null, b: Cursor | null): Cursor | null => {
  if (!a || !b) return a ?? b
  const [[timeA, sequenceA], [timeB, sequenceB]] = [numbersOf(a), numbersOf(b)]
  return (timeA - timeB || sequenceA - sequenceB) > 0 ? a : b
}
