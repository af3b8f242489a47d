import type * as v from 'valibot'
import { example } from '../../platform/catalog/examples.ts'
import { siteBodyExample } from '../sites/examples.ts'
import type { adminPurchaseReply, purchaseReply } from './schemas.ts'

export const checkoutUrlExample = 'https://app.recurrente.com/checkout-session/ch_4f7a2c'

export const purchaseExample: v.InferInput<typeof purchaseReply> = {
  id: example.id,
  site: { slug: siteBodyExample.slug, name: siteBodyExample.name },
  amount: siteBodyExample.price,
  currency: siteBodyExample.currency,
  status: 'pending',
  checkout_url: checkoutUrlExample,
  expires_at: example.later,
  created_at: example.time,
  paid_at: null,
  refunded_at: null,
}

export const adminPurchaseExample: v.InferInput<typeof adminPurchaseReply> = {
  ...purchaseExample,
  user_id: null,
  email: example.email,
  full_name: example.fullName,
  claim: null,
  issue: null,
  checkout_id: 'ch_4f7a2c',
  payment_id: null,
  paid_amount: null,
  paid_currency: null,
}

/** An event of the payment gateway. */
export const eventExample = {
  event_type: 'payment_intent.succeeded',
  id: 'pa_9d1e3b',
  amount_in_cents: siteBodyExample.price,
  currency: siteBodyExample.currency,
  checkout: { id: 'ch_4f7a2c', metadata: { purchase_id: example.id } },
}
