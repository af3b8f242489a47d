import type { MigrationInterface, QueryRunner } from 'typeorm'

// Names of indexes that an operator may have built before, without locking the table: see docs/operations.md.
const indexes = [
  // Lists of the events of a user are sorted by id. An account under attack has very many.
  'audit_events_user_idx ON audit_events (user_id, id)',
  // Each kind of email is kept for its own time.
  `emails_kept_idx ON emails (kind, created_at) WHERE status IN ('sent', 'failed', 'dropped')`,
  'users_inactive_idx ON users (id) WHERE NOT is_active',
  // The worker looks for secrets that are sealed under a previous APP_SECRET.
  `factors_seal_idx ON factors (split_part(sealed_secret, '.', 2)) WHERE sealed_secret IS NOT NULL`,
  'sites_status_idx ON sites (status, id)',
  'purchases_status_idx ON purchases (status, id)',
]

export class Growth1764310000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    for (const index of indexes) await db.query(`CREATE INDEX IF NOT EXISTS ${index}`)
    await db.query('DROP INDEX audit_events_user_id_idx, emails_settled_idx')
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('CREATE INDEX audit_events_user_id_idx ON audit_events (user_id, created_at)')
    await db.query(
      `CREATE INDEX emails_settled_idx ON emails (created_at) WHERE status IN ('sent', 'failed', 'dropped')`,
    )
    for (const index of indexes) await db.query(`DROP INDEX ${index.split(' ')[0]}`)
  }
}
