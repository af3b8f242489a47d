import type { MigrationInterface, QueryRunner } from 'typeorm'

export class Revocations1764250000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      CREATE TABLE revocations (
        id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        sub        text NOT NULL,
        session_id uuid,
        epoch      integer,
        at         timestamptz NOT NULL DEFAULT clock_timestamp(),
        is_listed  boolean NOT NULL DEFAULT false,
        is_settled boolean NOT NULL DEFAULT false
      )`)
    await db.query('CREATE INDEX revocations_at_idx ON revocations (at)')
    await db.query('CREATE INDEX revocations_sub_idx ON revocations (sub, at) WHERE session_id IS NULL')
    await db.query(
      'CREATE INDEX revocations_unsettled_idx ON revocations (at) WHERE session_id IS NULL AND NOT is_settled',
    )
    // Triggers, so that no statement can end sessions without a row, and the row commits or rolls back with it.
    await db.query(`
      CREATE FUNCTION record_ended_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO revocations (sub, epoch)
          VALUES (OLD.id, CASE TG_OP WHEN 'UPDATE' THEN NEW.session_epoch END);
          RETURN NULL;
        END $$`)
    await db.query(`
      CREATE TRIGGER users_epoch_ended AFTER UPDATE OF session_epoch ON users FOR EACH ROW
        WHEN (NEW.session_epoch > OLD.session_epoch) EXECUTE FUNCTION record_ended_epoch()`)
    await db.query(`
      CREATE TRIGGER users_erased AFTER DELETE ON users FOR EACH ROW
        EXECUTE FUNCTION record_ended_epoch()`)
    await db.query(`
      CREATE FUNCTION record_revoked_client() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO revocations (sub) VALUES (NEW.id);
          RETURN NULL;
        END $$`)
    await db.query(`
      CREATE TRIGGER clients_revoked AFTER UPDATE OF revoked_at ON clients FOR EACH ROW
        WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL)
        EXECUTE FUNCTION record_revoked_client()`)
    await db.query(`
      CREATE FUNCTION record_ended_session() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO revocations (sub, session_id)
          VALUES (coalesce(NEW.user_id, NEW.session_id), NEW.session_id);
          RETURN NULL;
        END $$`)
    await db.query(`
      CREATE TRIGGER audit_events_session_ended AFTER INSERT ON audit_events FOR EACH ROW
        WHEN (NEW.type IN ('session.ended', 'session.reused') AND NEW.session_id IS NOT NULL)
        EXECUTE FUNCTION record_ended_session()`)
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP TRIGGER audit_events_session_ended ON audit_events')
    await db.query('DROP TRIGGER clients_revoked ON clients')
    await db.query('DROP TRIGGER users_erased ON users')
    await db.query('DROP TRIGGER users_epoch_ended ON users')
    await db.query('DROP FUNCTION record_ended_session(), record_revoked_client(), record_ended_epoch()')
    await db.query('DROP TABLE revocations')
  }
}
