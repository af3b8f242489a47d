import type { MigrationInterface, QueryRunner } from 'typeorm'

export class AuditData1764120000002 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query('ALTER TABLE audit_events ADD COLUMN data jsonb')
    // Events without a user are erased by the email or the purchase that they are about.
    for (const field of ['email_id', 'purchase_id'])
      await db.query(
        `CREATE INDEX audit_events_${field}_idx ON audit_events ((data->>'${field}'))
          WHERE user_id IS NULL AND data ? '${field}'`,
      )
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('ALTER TABLE audit_events DROP COLUMN data')
  }
}
