import type { MigrationInterface, QueryRunner } from 'typeorm'

export class ReservationBounds1764120000001 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query('ALTER TABLE purchases ADD COLUMN networks text[]')
    await db.query('CREATE INDEX purchases_networks_idx ON purchases (id) WHERE networks IS NOT NULL')
    // Each purchase counts the reserved sites, in a time that does not grow with the sold ones.
    await db.query(`CREATE INDEX sites_market_idx ON sites (status, held_by) WHERE status <> 'sold'`)
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP INDEX sites_market_idx')
    await db.query('ALTER TABLE purchases DROP COLUMN networks')
  }
}
