import { EntitySchema } from '../postgres/typeorm.ts'

export type EmailStatus = 'queued' | 'sent' | 'failed' | 'dropped'

/** A row of the outbox: an email that is queued, or was sent. It holds no secret: tokens derive from `id`. */
export type Email = {
  id: string
  /** See the catalogue of emails. */
  kind: string
  recipient: string
  user_id: string | null
  locale: string
  data: Record<string, string>
  status: EmailStatus
  attempts: number
  last_error: string | null
  created_at: Date
  sweep_after: Date
  sent_at: Date | null
  /** Since when the token of the email has no further effect: it was used or revoked. */
  proof_spent_at: Date | null
  /** When the token was used. Null if it was only revoked. */
  proof_used_at: Date | null
  /** Until when no other attempt may begin. */
  held_until: Date | null
  /** How often its content was sent without a reply of the mail server. */
  sends_unanswered: number
  /** The id of the secret of APP_SECRET that its token derives from. Null until its first delivery is attempted. */
  secret_id: string | null
  /** Its age at a time of `performance.now()`, by the clock of Postgres, if it was read with the row. */
  age?: { milliseconds: number; at: number }
}

export const Emails = new EntitySchema<Email>({
  name: 'Email',
  tableName: 'emails',
  columns: {
    id: { type: 'uuid', primary: true },
    kind: { type: 'text' },
    recipient: { type: 'text' },
    user_id: { type: 'uuid', nullable: true },
    locale: { type: 'text' },
    data: { type: 'jsonb', default: {} },
    status: { type: 'text', default: 'queued' },
    attempts: { type: 'integer', default: 0 },
    last_error: { type: 'text', nullable: true },
    created_at: { type: 'timestamptz', default: () => 'now()' },
    sweep_after: { type: 'timestamptz', default: () => "now() + interval '15 seconds'" },
    sent_at: { type: 'timestamptz', nullable: true },
    proof_spent_at: { type: 'timestamptz', nullable: true },
    proof_used_at: { type: 'timestamptz', nullable: true },
    held_until: { type: 'timestamptz', nullable: true },
    sends_unanswered: { type: 'integer', default: 0 },
    secret_id: { type: 'text', nullable: true },
  },
})
