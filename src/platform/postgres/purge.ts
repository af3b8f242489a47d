import type { DataSource } from 'typeorm'

/** Few enough that a slice ends well within the time of a statement, and holds its locks for a moment. */
const slice = 1000

/** What finds the ids of old rows, each by an index. An email that is still to be sent is never old. */
export const oldRows = {
  audit_events: `SELECT id FROM audit_events WHERE created_at < $1 ORDER BY created_at`,
  settled_emails: `SELECT id FROM emails
    WHERE created_at < $1 AND kind = ANY($2) AND status IN ('sent', 'failed') ORDER BY created_at`,
  dropped_emails: `SELECT id FROM emails WHERE status = 'dropped' AND created_at < $1 ORDER BY created_at`,
} as const

/**
 * Deletes old rows, a slice at a time. Rows that another worker is deleting are left to it. Returns how many were
 * deleted.
 */
export const purge = async (
  database: DataSource,
  rows: keyof typeof oldRows,
  values: unknown[],
): Promise<number> => {
  const table = rows === 'audit_events' ? 'audit_events' : 'emails'
  const statement = `DELETE FROM ${table} WHERE id IN (${oldRows[rows]} LIMIT ${slice} FOR UPDATE SKIP LOCKED)`
  let purged = 0
  for (;;) {
    const [, count] = (await database.query(statement, values)) as [unknown, number]
    purged += count
    if (count < slice) return purged
  }
}
