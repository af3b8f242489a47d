import type { MigrationInterface, QueryRunner } from 'typeorm'

export class Accounts1763700000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      CREATE TABLE users (
        id                      uuid PRIMARY KEY,
        email                   text NOT NULL CONSTRAINT users_email_key UNIQUE,
        email_verified          boolean NOT NULL DEFAULT false,
        password_hash           text,
        full_name               text,
        phone                   text,
        address                 text,
        preferred_language      text,
        picture_url             text,
        roles                   text[] NOT NULL DEFAULT '{user}'
                                CONSTRAINT users_roles_check CHECK (roles <@ '{user,admin}'),
        is_active               boolean NOT NULL DEFAULT true,
        session_epoch           integer NOT NULL DEFAULT 0,
        last_login_at           timestamptz,
        last_password_change_at timestamptz,
        created_at              timestamptz NOT NULL DEFAULT now(),
        updated_at              timestamptz NOT NULL DEFAULT now()
      )`)

    await db.query(`
      CREATE TABLE emails (
        id             uuid PRIMARY KEY,
        kind           text NOT NULL,
        recipient      text NOT NULL,
        user_id        uuid CONSTRAINT emails_user_id_fkey REFERENCES users ON DELETE CASCADE,
        locale         text NOT NULL,
        data           jsonb NOT NULL DEFAULT '{}',
        status         text NOT NULL DEFAULT 'queued'
                       CONSTRAINT emails_status_check CHECK (status IN ('queued', 'sent', 'failed', 'dropped')),
        attempts       integer NOT NULL DEFAULT 0,
        last_error     text,
        created_at     timestamptz NOT NULL DEFAULT now(),
        sweep_after    timestamptz NOT NULL DEFAULT now() + interval '15 seconds',
        sent_at        timestamptz,
        proof_spent_at timestamptz
      )`)
    await db.query(`CREATE INDEX emails_queued_idx ON emails (sweep_after) WHERE status = 'queued'`)
    await db.query(`CREATE INDEX emails_user_id_idx ON emails (user_id)`)

    await db.query(`
      CREATE TABLE audit_events (
        id         uuid PRIMARY KEY,
        type       text NOT NULL,
        user_id    uuid CONSTRAINT audit_events_user_id_fkey REFERENCES users ON DELETE SET NULL,
        session_id uuid,
        ip         text,
        user_agent text,
        created_at timestamptz NOT NULL DEFAULT now()
      )`)
    await db.query(`CREATE INDEX audit_events_user_id_idx ON audit_events (user_id, created_at)`)
    // Keeps one theft event per session: a stolen token may be presented many times, and its owner gets one email.
    await db.query(`
      CREATE UNIQUE INDEX audit_events_reuse_key ON audit_events (session_id) WHERE type = 'session.reused'`)

    await db.query(`
      CREATE TABLE signing_keys (
        kid           text PRIMARY KEY,
        public_key    text NOT NULL,
        sealed_secret text NOT NULL,
        status        text NOT NULL
                      CONSTRAINT signing_keys_status_check
                      CHECK (status IN ('published', 'signing', 'retiring', 'retired')),
        not_before    timestamptz NOT NULL DEFAULT now(),
        not_after     timestamptz,
        created_at    timestamptz NOT NULL DEFAULT now()
      )`)
    await db.query(
      `CREATE UNIQUE INDEX signing_keys_one_signing_key ON signing_keys (status) WHERE status = 'signing'`,
    )
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP TABLE signing_keys, audit_events, emails, users')
  }
}
