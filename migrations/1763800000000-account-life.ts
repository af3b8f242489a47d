import type { MigrationInterface, QueryRunner } from 'typeorm'

export class AccountLife1763800000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`ALTER TABLE users ADD COLUMN erase_after timestamptz`)
    await db.query(`CREATE INDEX users_erase_after_idx ON users (erase_after) WHERE erase_after IS NOT NULL`)
    // For prefix searches by administrators. The index of the unique constraint serves only equality.
    await db.query(`CREATE INDEX users_email_prefix_idx ON users (email text_pattern_ops)`)
    await db.query(`CREATE INDEX users_name_prefix_idx ON users (lower(full_name) text_pattern_ops)`)

    await db.query(`CREATE INDEX users_admins_idx ON users (id) WHERE 'admin' = ANY(roles)`)

    await db.query(`ALTER TABLE audit_events ADD COLUMN actor_id uuid`)
    await db.query(
      `CREATE INDEX audit_events_actor_id_idx ON audit_events (actor_id) WHERE actor_id IS NOT NULL`,
    )
    // A refresh looks up whether its session has ended.
    await db.query(
      `CREATE INDEX audit_events_session_id_idx ON audit_events (session_id) WHERE session_id IS NOT NULL`,
    )
    await db.query(`CREATE INDEX audit_events_created_at_idx ON audit_events (created_at)`)
    await db.query(`CREATE INDEX audit_events_type_idx ON audit_events (type, id)`)

    // The delivery log is searched by address and for failed emails.
    await db.query(`CREATE INDEX emails_recipient_idx ON emails (recipient, id)`)
    await db.query(
      `CREATE INDEX emails_unsent_idx ON emails (status, id) WHERE status IN ('failed', 'dropped')`,
    )
    // Emails without a user are found by their address when their token is used, and when data is exported or erased.
    await db.query(`CREATE INDEX emails_stray_idx ON emails (recipient) WHERE user_id IS NULL`)
    // A pending email change is looked up by the new address.
    await db.query(
      `CREATE INDEX emails_email_change_idx ON emails (recipient, id) WHERE kind = 'email_change'`,
    )
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(
      'DROP INDEX emails_email_change_idx, emails_stray_idx, emails_unsent_idx, emails_recipient_idx',
    )
    await db.query(
      'DROP INDEX audit_events_type_idx, audit_events_created_at_idx, audit_events_session_id_idx',
    )
    await db.query('ALTER TABLE audit_events DROP COLUMN actor_id')
    await db.query(
      'DROP INDEX users_admins_idx, users_name_prefix_idx, users_email_prefix_idx, users_erase_after_idx',
    )
    await db.query('ALTER TABLE users DROP COLUMN erase_after')
  }
}
