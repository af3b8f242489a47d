import { EntitySchema } from '../../platform/postgres/typeorm.ts'
import type { PaymentReport, Purchase } from './types.ts'

export const Purchases = new EntitySchema<Purchase>({
  name: 'Purchase',
  tableName: 'purchases',
  columns: {
    id: { type: 'uuid', primary: true },
    site_id: { type: 'uuid' },
    user_id: { type: 'uuid', nullable: true },
    email: { type: 'text', nullable: true },
    full_name: { type: 'text', nullable: true },
    claim: { type: 'text', nullable: true },
    locale: { type: 'text' },
    amount: { type: 'integer' },
    currency: { type: 'text' },
    status: { type: 'text', default: 'pending' },
    issue: { type: 'text', nullable: true },
    checkout_id: { type: 'text', nullable: true },
    checkout_url: { type: 'text', nullable: true },
    payment_id: { type: 'text', nullable: true },
    paid_amount: { type: 'bigint', nullable: true },
    paid_currency: { type: 'text', nullable: true },
    idempotency_key: { type: 'text', nullable: true },
    request_hash: { type: 'text' },
    networks: { type: 'text', array: true, nullable: true },
    expires_at: { type: 'timestamptz' },
    look_after: { type: 'timestamptz' },
    created_at: { type: 'timestamptz', default: () => 'now()' },
    updated_at: { type: 'timestamptz', default: () => 'now()' },
    paid_at: { type: 'timestamptz', nullable: true },
    refunded_at: { type: 'timestamptz', nullable: true },
  },
  uniques: [
    { name: 'purchases_checkout_id_key', columns: ['checkout_id'] },
    { name: 'purchases_idempotency_key_key', columns: ['idempotency_key'] },
  ],
})

/** An event that was processed, with or without an effect. Its id comes from the gateway and is unique. */
export type WebhookEvent = {
  id: string
  type: string
  purchase_id: string | null
  outcome: string | null
  /** The report of a refund whose event arrived before that of its payment, until that event arrives. */
  refund: PaymentReport | null
  received_at: Date
  processed_at: Date | null
}

export const WebhookEvents = new EntitySchema<WebhookEvent>({
  name: 'WebhookEvent',
  tableName: 'webhook_events',
  columns: {
    id: { type: 'text', primary: true },
    type: { type: 'text' },
    purchase_id: { type: 'uuid', nullable: true },
    outcome: { type: 'text', nullable: true },
    refund: { type: 'jsonb', nullable: true },
    received_at: { type: 'timestamptz', default: () => 'now()' },
    processed_at: { type: 'timestamptz', nullable: true },
  },
})
