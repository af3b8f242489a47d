import type { MigrationInterface, QueryRunner } from 'typeorm'

export class RepeatedProofs1764110000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    // When the link or the code of an email did its work. NULL where it was only made void.
    await db.query('ALTER TABLE emails ADD COLUMN proof_used_at timestamptz')
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('ALTER TABLE emails DROP COLUMN proof_used_at')
  }
}
