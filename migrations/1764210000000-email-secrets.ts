import type { MigrationInterface, QueryRunner } from 'typeorm'

export class EmailSecrets1764210000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    // The secret of APP_SECRET that the token of an email derives from, by its id.
    await db.query('ALTER TABLE emails ADD COLUMN secret_id text')
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('ALTER TABLE emails DROP COLUMN secret_id')
  }
}
