import type { MigrationInterface, QueryRunner } from 'typeorm'

export class KeyRotation1764200000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    // How long the tokens of existing keys live was not recorded. The longest ACCESS_TOKEN_TTL is an hour.
    await db.query(`
      ALTER TABLE signing_keys
        ADD COLUMN token_life integer NOT NULL DEFAULT 3600 CONSTRAINT signing_keys_token_life_check CHECK (token_life >= 0),
        ALTER COLUMN sealed_secret DROP NOT NULL`)
    await db.query(`ALTER TABLE signing_keys ALTER COLUMN token_life SET DEFAULT 0`)
    await db.query(`UPDATE signing_keys SET sealed_secret = NULL WHERE status = 'retired'`)
    // The worker promotes a published key at its `not_before`, and retires a retiring one at its `not_after`.
    await db.query(
      `UPDATE signing_keys SET not_before = now() + interval '15 minutes' WHERE status = 'published'`,
    )
    await db.query(
      `UPDATE signing_keys SET not_after = now() + interval '65 minutes' WHERE status = 'retiring'`,
    )
    await db.query(`
      ALTER TABLE signing_keys ADD CONSTRAINT signing_keys_secret_check
        CHECK (status = 'retired' OR sealed_secret IS NOT NULL)`)
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('ALTER TABLE signing_keys DROP CONSTRAINT signing_keys_secret_check')
    await db.query(`UPDATE signing_keys SET sealed_secret = '' WHERE sealed_secret IS NULL`)
    await db.query(`ALTER TABLE signing_keys DROP COLUMN token_life, ALTER COLUMN sealed_secret SET NOT NULL`)
  }
}
