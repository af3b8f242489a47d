import type { DataSource } from 'typeorm'

/** Small enough that a batch ends well within the statement timeout and holds its locks only briefly. */
const batchSize = 1000

/** Queries for the ids of old rows. Each uses an index. A queued email is never old. */
export const oldRows = {
  audit_events: `SELECT id FROM audit_events WHERE created_at < $1 ORDER BY created_at`,
  settled_emails: `SELECT id FROM emails
    WHERE created_at < $1 AND kind = ANY($2) AND status IN ('sent', 'failed') ORDER BY created_at`,
  dropped_emails: `SELECT id FROM emails WHERE status = 'dropped' AND created_at < $1 ORDER BY created_at`,
} as const

/** Deletes old rows in batches and returns how many. Skips rows that another worker is deleting. */
export const purge = async (
  database: DataSource,
  rows: keyof typeof oldRows,
  values: unknown[],
): Promise<number> => {
  const table = rows === 'audit_events' ? 'audit_events' : 'emails'
  const statement = `DELETE FROM ${table} WHERE id IN (${oldRows[rows]} LIMIT ${batchSize} FOR UPDATE SKIP LOCKED)`
  let purged = 0
  for (;;) {
    const [, count] = (await database.query(statement, values)) as [unknown, number]
    purged += count
    if (count < batchSize) return purged
  }
}
