import type { MigrationInterface, QueryRunner } from 'typeorm'

export class Clients1764220000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    // Lists are sorted by id, which begins with the time. Another collation would sort it differently.
    await db.query(`CREATE TABLE clients (
      id text COLLATE "C" PRIMARY KEY,
      name text NOT NULL,
      scopes text[] NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      last_used_at timestamptz,
      revoked_at timestamptz
    )`)
    await db.query(`CREATE TABLE client_secrets (
      client_id text COLLATE "C" NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
      prefix text COLLATE "C" NOT NULL,
      hash text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (client_id, prefix)
    )`)
    await db.query('ALTER TABLE audit_events ADD COLUMN actor_client_id text')
    await db.query(
      `CREATE INDEX audit_events_actor_client_idx ON audit_events (actor_client_id, id)
        WHERE actor_client_id IS NOT NULL`,
    )
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('ALTER TABLE audit_events DROP COLUMN actor_client_id')
    await db.query('DROP TABLE client_secrets')
    await db.query('DROP TABLE clients')
  }
}
