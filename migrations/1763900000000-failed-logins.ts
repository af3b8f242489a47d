import type { MigrationInterface, QueryRunner } from 'typeorm'

export class FailedLogins1763900000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`ALTER TABLE users ADD COLUMN failed_logins integer NOT NULL DEFAULT 0`)
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('ALTER TABLE users DROP COLUMN failed_logins')
  }
}
