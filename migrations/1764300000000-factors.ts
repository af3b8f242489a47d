import type { MigrationInterface, QueryRunner } from 'typeorm'

export class Factors1764300000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`ALTER TABLE users ADD COLUMN factor_types text[] NOT NULL DEFAULT '{}'`)
    await db.query(`
      CREATE TABLE factors (
        id             uuid PRIMARY KEY,
        user_id        uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        type           text NOT NULL CHECK (type IN ('totp', 'passkey', 'recovery_codes')),
        name           text NOT NULL,
        sealed_secret  text,
        last_step      bigint,
        credential_id  text,
        public_key     text,
        sign_count     bigint,
        transports     text[],
        aaguid         uuid,
        user_verifying boolean,
        backup_eligible boolean,
        backed_up      boolean,
        created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
        confirmed_at   timestamptz,
        last_used_at   timestamptz,
        removed_at     timestamptz
      )`)
    await db.query('CREATE INDEX factors_user_idx ON factors (user_id)')
    await db.query(
      'CREATE UNIQUE INDEX factors_credential_key ON factors (credential_id) WHERE removed_at IS NULL',
    )
    await db.query(
      `CREATE UNIQUE INDEX factors_recovery_codes_key ON factors (user_id)
        WHERE type = 'recovery_codes' AND removed_at IS NULL`,
    )
    await db.query(
      `CREATE UNIQUE INDEX factors_pending_totp_key ON factors (user_id)
        WHERE type = 'totp' AND confirmed_at IS NULL AND removed_at IS NULL`,
    )
    await db.query(
      'CREATE INDEX factors_removed_credential_idx ON factors (credential_id) WHERE removed_at IS NOT NULL',
    )
    await db.query('CREATE INDEX factors_removed_idx ON factors (removed_at) WHERE removed_at IS NOT NULL')
    await db.query('CREATE INDEX factors_pending_idx ON factors (created_at) WHERE confirmed_at IS NULL')
    await db.query(`
      CREATE TABLE recovery_codes (
        factor_id uuid NOT NULL REFERENCES factors (id) ON DELETE CASCADE,
        hash      text NOT NULL,
        used_at   timestamptz,
        PRIMARY KEY (factor_id, hash)
      )`)
    // A trigger, so that no statement can change the factors of a user and leave out the column that sign-ins read. It locks
    // the user first: an UPDATE that waits for that lock still reads `factors` as of its start, and would leave out what the
    // other transaction has added.
    await db.query(`
      CREATE FUNCTION list_factor_types() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE owner uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.user_id ELSE NEW.user_id END;
        BEGIN
          PERFORM FROM users WHERE id = owner FOR NO KEY UPDATE;
          UPDATE users SET factor_types = ARRAY(
            SELECT DISTINCT type FROM factors
             WHERE user_id = owner AND confirmed_at IS NOT NULL AND removed_at IS NULL ORDER BY type)
           WHERE id = owner;
          RETURN NULL;
        END $$`)
    await db.query(`
      CREATE TRIGGER factors_listed AFTER INSERT OR DELETE OR UPDATE OF confirmed_at, removed_at ON factors
        FOR EACH ROW EXECUTE FUNCTION list_factor_types()`)
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP TABLE recovery_codes, factors')
    await db.query('DROP FUNCTION list_factor_types()')
    await db.query('ALTER TABLE users DROP COLUMN factor_types')
  }
}
