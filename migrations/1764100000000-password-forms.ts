import type { MigrationInterface, QueryRunner } from 'typeorm'

export class PasswordForms1764100000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    // Returns the part of a hash that its cost depends on: version and cost of bcrypt, otherwise everything before the
    // salt. A sign-in reads which of these are in use.
    await db.query(`CREATE FUNCTION password_form(hash text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
      $$ SELECT CASE WHEN hash ~ '^\\$2[aby]\\$' THEN substr(hash, 1, 7)
           ELSE regexp_replace(hash, '\\$[^$]*\\$[^$]*$', '') END $$`)
    await db.query('CREATE INDEX users_password_form_idx ON users (password_form(password_hash))')
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP INDEX users_password_form_idx')
    await db.query('DROP FUNCTION password_form')
  }
}
