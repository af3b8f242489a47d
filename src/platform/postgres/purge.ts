import type { DataSource } from 'typeorm'

/** Small enough that a batch ends well within the statement timeout and holds its locks only briefly. */
const batchSize = 1000

/** The deletion of a factor also updates its user, which takes a hundred times as long. */
const factorBatchSize = 200

/**
 * Queries for the ids of old rows. Each uses an index. A queued email is never old.
 *
 * Deleting a factor updates its user, so both are locked, or skipped while a request holds one of them.
 */
export const oldRows = {
  audit_events: `SELECT id FROM audit_events WHERE created_at < $1 ORDER BY created_at`,
  settled_emails: `SELECT id FROM emails
    WHERE kind = $2 AND created_at < $1 AND status IN ('sent', 'failed') ORDER BY created_at`,
  dropped_emails: `SELECT id FROM emails WHERE status = 'dropped' AND created_at < $1 ORDER BY created_at`,
  removed_factors: `SELECT factors.id FROM factors JOIN users ON users.id = user_id
    WHERE removed_at < $1 ORDER BY removed_at`,
  pending_factors: `SELECT factors.id FROM factors JOIN users ON users.id = user_id
    WHERE confirmed_at IS NULL AND factors.created_at < $1 ORDER BY factors.created_at`,
} as const

const tables: Readonly<Record<keyof typeof oldRows, string>> = {
  audit_events: 'audit_events',
  settled_emails: 'emails',
  dropped_emails: 'emails',
  removed_factors: 'factors',
  pending_factors: 'factors',
}

/** Deletes old rows in batches and returns how many. Skips rows that another worker is deleting. */
export const purge = async (
  database: DataSource,
  rows: keyof typeof oldRows,
  values: unknown[],
): Promise<number> => {
  const table = tables[rows]
  const most = table === 'factors' ? factorBatchSize : batchSize
  const statement = `DELETE FROM ${table} WHERE id IN (${oldRows[rows]} LIMIT ${most} FOR UPDATE SKIP LOCKED)`
  let purged = 0
  for (;;) {
    const [, count] = (await database.query(statement, values)) as [unknown, number]
    purged += count
    if (count < most) return purged
  }
}
