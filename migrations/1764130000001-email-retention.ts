import type { MigrationInterface, QueryRunner } from 'typeorm'

export class EmailRetention1764130000001 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    // The purge finds old emails by their age, in a table of any size.
    await db.query(
      `CREATE INDEX emails_settled_idx ON emails (created_at) WHERE status IN ('sent', 'failed', 'dropped')`,
    )
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP INDEX emails_settled_idx')
  }
}
