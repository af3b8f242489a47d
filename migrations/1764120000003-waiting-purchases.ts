import type { MigrationInterface, QueryRunner } from 'typeorm'

export class WaitingPurchases1764120000003 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`CREATE INDEX purchases_waiting_idx ON purchases (id) WHERE claim = 'waiting'`)
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP INDEX purchases_waiting_idx')
  }
}
