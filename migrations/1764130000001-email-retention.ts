import type { MigrationInterface, QueryRunner } from 'typeorm'

export class EmailRetention1764130000001 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    // Emails that are old enough to be removed are found by their age, whatever else the table holds.
    await db.query(
      `CREATE INDEX emails_settled_idx ON emails (created_at) WHERE status IN ('sent', 'failed', 'dropped')`,
    )
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP INDEX emails_settled_idx')
  }
}
