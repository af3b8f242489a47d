import type { MigrationInterface, QueryRunner } from 'typeorm'

export class RepeatedProofs1764110000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    // When the token or code of an email was used. NULL if it was only revoked.
    await db.query('ALTER TABLE emails ADD COLUMN proof_used_at timestamptz')
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('ALTER TABLE emails DROP COLUMN proof_used_at')
  }
}
