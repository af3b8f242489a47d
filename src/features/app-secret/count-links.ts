import type { Deps } from '../../deps.ts'
import { kindsFor } from '../../platform/catalog/email-definition.ts'
import { tokenPurposes } from '../../platform/catalog/token-purposes.ts'

const hour = 3_600_000

/** Small enough that the query of one slice ends well within the statement timeout, however many emails are sent. */
const sliceMs = 3 * hour

export type LinksOfSecret = { secretId: string | null; links: number; until: number }

type Row = { secret_id: string | null; links: string; until: Date }

// The token of an email exists once its delivery was attempted. A version that named no secret left `secret_id` empty.
const live = `proof_spent_at IS NULL AND (e.secret_id IS NOT NULL OR e.attempts > 0 OR e.status = 'sent')`

const counted = `count(*) AS links, max(e.created_at + k.life * interval '1 millisecond') AS until`

const kinds = 'JOIN unnest($1::text[], $2::float8[]) AS k (kind, life) ON k.kind = e.kind'

const unexpired = `e.created_at > now() + $3 * interval '1 millisecond' - k.life * interval '1 millisecond'`

/** Counts the emailed links that can still be used, by the secret that they derive from. Reads Postgres in slices of time. */
export const countLinks = async (
  deps: Pick<Deps, 'database' | 'emails' | 'clock'>,
): Promise<LinksOfSecret[]> => {
  const { database, clock } = deps
  const lasting = kindsFor(deps.emails, ['undo_deletion'])
  const short = kindsFor(deps.emails, tokenPurposes).filter(kind => !lasting.includes(kind))
  const lives = short.map(kind => deps.emails.find(each => each.kind === kind)?.token?.lifetime ?? 0)
  const given = [short, lives, clock.shift]
  const rows: Row[] = await database.query(
    `SELECT e.secret_id, ${counted} FROM emails e ${kinds}
      WHERE e.status = 'queued' AND ${live} AND ${unexpired} GROUP BY 1`,
    given,
  )
  for (let from = 0; from < Math.max(0, ...lives); from += sliceMs)
    rows.push(
      ...(await database.query(
        `SELECT e.secret_id, ${counted} FROM emails e ${kinds}
          WHERE e.status IN ('sent', 'failed') AND ${live} AND ${unexpired}
            AND e.created_at <= now() + ($3 - $4::float8) * interval '1 millisecond'
            AND e.created_at > now() + ($3 - $5::float8) * interval '1 millisecond'
          GROUP BY 1`,
        // An email that was sent during the last query is younger than its now().
        [...given, from === 0 ? -hour : from, from + sliceMs],
      )),
    )
  rows.push(
    ...(await database.query(
      `SELECT e.secret_id, count(*) AS links, max(u.erase_after) AS until
         FROM users u JOIN emails e ON e.user_id = u.id AND e.kind = ANY($1)
        WHERE u.erase_after > now() + $2 * interval '1 millisecond' AND ${live} GROUP BY 1`,
      [lasting, clock.shift],
    )),
  )
  return rows.map(row => ({ secretId: row.secret_id, links: Number(row.links), until: row.until.getTime() }))
}
