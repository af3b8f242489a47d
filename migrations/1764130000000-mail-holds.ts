import type { MigrationInterface, QueryRunner } from 'typeorm'

export class MailHolds1764130000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    // No worker may start an attempt before this time, as one is in flight or the email may have arrived already.
    await db.query(`ALTER TABLE emails ADD COLUMN held_until timestamptz`)
    await db.query(`ALTER TABLE emails ADD COLUMN sends_unanswered integer NOT NULL DEFAULT 0`)
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('ALTER TABLE emails DROP COLUMN held_until, DROP COLUMN sends_unanswered')
  }
}
