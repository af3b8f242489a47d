import type { MigrationInterface, QueryRunner } from 'typeorm'

export class Purchases1764000000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      CREATE TABLE sites (
        id uuid PRIMARY KEY,
        slug text NOT NULL CONSTRAINT sites_slug_key UNIQUE,
        name text NOT NULL,
        description text NOT NULL,
        price integer NOT NULL CHECK (price > 0),
        currency text NOT NULL CHECK (currency IN ('GTQ', 'USD')),
        image_url text,
        status text NOT NULL DEFAULT 'available' CHECK (status IN ('available', 'reserved', 'sold')),
        held_by uuid,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
      )`)
    await db.query(`
      CREATE TABLE purchases (
        id uuid PRIMARY KEY,
        site_id uuid NOT NULL REFERENCES sites,
        user_id uuid REFERENCES users ON DELETE SET NULL,
        email text,
        full_name text,
        locale text NOT NULL,
        amount integer NOT NULL CHECK (amount > 0),
        currency text NOT NULL,
        status text NOT NULL DEFAULT 'pending'
          CHECK (status IN ('pending', 'failed', 'expired', 'paid', 'refunded')),
        issue text CHECK (issue IN ('amount_mismatch', 'site_unavailable')),
        checkout_id text CONSTRAINT purchases_checkout_id_key UNIQUE,
        checkout_url text,
        payment_id text,
        paid_amount bigint,
        paid_currency text,
        idempotency_key text CONSTRAINT purchases_idempotency_key_key UNIQUE,
        request_hash text NOT NULL,
        expires_at timestamptz NOT NULL,
        look_after timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        paid_at timestamptz,
        refunded_at timestamptz
      )`)
    await db.query('CREATE INDEX purchases_user_id_idx ON purchases (user_id, id)')
    await db.query('CREATE INDEX purchases_payment_id_idx ON purchases (payment_id)')
    await db.query('CREATE INDEX purchases_email_idx ON purchases (email) WHERE email IS NOT NULL')
    await db.query('CREATE INDEX purchases_issue_idx ON purchases (id) WHERE issue IS NOT NULL')
    // The reconciliation reads only open purchases, which are few in a table of any size.
    await db.query(
      `CREATE INDEX purchases_open_idx ON purchases (look_after) WHERE status IN ('pending', 'failed')`,
    )
    // Purchases that still hold personal data or a key which the purge removes.
    await db.query(
      `CREATE INDEX purchases_remembered_idx ON purchases (updated_at)
        WHERE user_id IS NULL AND email IS NOT NULL OR idempotency_key IS NOT NULL`,
    )
    await db.query(`
      CREATE TABLE webhook_events (
        id text PRIMARY KEY,
        type text NOT NULL,
        purchase_id uuid REFERENCES purchases,
        outcome text,
        refund jsonb,
        received_at timestamptz NOT NULL DEFAULT now(),
        processed_at timestamptz
      )`)
    await db.query('CREATE INDEX webhook_events_purchase_id_idx ON webhook_events (purchase_id)')
    // Refunds whose webhook came before that of their payment: few, if any.
    await db.query(
      `CREATE INDEX webhook_events_refund_idx ON webhook_events ((refund->>'paymentId')) WHERE refund IS NOT NULL`,
    )
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP TABLE webhook_events')
    await db.query('DROP TABLE purchases')
    await db.query('DROP TABLE sites')
  }
}
