import type { MigrationInterface, QueryRunner } from 'typeorm'

export class PurchaseClaims1764120000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query('ALTER TABLE users ADD COLUMN password_proven_at timestamptz')
    // The audit log tells when a password was reset. After a later email change, the account has another mailbox, and its
    // owner has not confirmed the password. Without an event the column stays null, and the next guest purchase asks the
    // owner for confirmation.
    await db.query(`
      UPDATE users SET password_proven_at = reset.at
        FROM (SELECT user_id, max(created_at) AS at FROM audit_events
               WHERE type = 'password.reset' AND user_id IS NOT NULL GROUP BY user_id) AS reset
       WHERE reset.user_id = users.id AND email_verified AND password_hash IS NOT NULL
         AND NOT EXISTS (SELECT FROM audit_events WHERE user_id = users.id AND created_at >= reset.at
                          AND type IN ('email.changed', 'email.change_undone'))`)
    await db.query(`ALTER TABLE purchases ADD COLUMN claim text CHECK (claim IN ('waiting', 'done'))`)
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('ALTER TABLE purchases DROP COLUMN claim')
    await db.query('ALTER TABLE users DROP COLUMN password_proven_at')
  }
}
