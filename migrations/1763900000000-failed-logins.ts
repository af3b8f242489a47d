import type { MigrationInterface, QueryRunner } from 'typeorm'

export class FailedLogins1763900000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`ALTER TABLE users ADD COLUMN failed_logins integer NOT NULL DEFAULT 0`)
    // Health checks and metrics read the age of the oldest queued email.
    await db.query(`CREATE INDEX emails_owed_idx ON emails (id) WHERE status = 'queued'`)
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP INDEX emails_owed_idx')
    await db.query('ALTER TABLE users DROP COLUMN failed_logins')
  }
}
