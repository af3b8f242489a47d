import * as v from 'valibot'
import { gatewayId } from './schemas.ts'
import type { PaymentReport } from './types.ts'

// The documented fields of the events of the gateway: https://docs.recurrente.com, "Webhooks". The id of the checkout tells
// the purchase. In the event of a failed card payment it is the only field of the checkout.

const kinds: Record<string, PaymentReport['kind']> = {
  'payment_intent.succeeded': 'paid',
  'payment_intent.failed': 'failed',
  'bank_transfer_intent.pending': 'noted',
  'bank_transfer_intent.succeeded': 'paid',
  'bank_transfer_intent.failed': 'failed',
  'refund.created': 'refunded',
  'refund.succeeded': 'refunded',
}

const text = v.fallback(v.nullish(v.pipe(v.string(), v.maxLength(200))), null)
const currency = v.fallback(v.nullish(v.pipe(v.string(), v.regex(/^[A-Za-z]{3}$/))), null)
const cents = v.fallback(v.nullish(v.pipe(v.number(), v.safeInteger())), null)
const id = v.fallback(v.nullish(gatewayId), null)
const idOf = v.fallback(v.nullish(v.object({ id })), null)

const event = v.object({
  event_type: v.pipe(v.string(), v.regex(/^[^\0]{1,100}$/)),
  id,
  status: text,
  amount_in_cents: cents,
  customer_refunded_amount_in_cents: cents,
  currency,
  payment_intent_id: id,
  payment_intent: idOf,
  checkout: v.fallback(
    v.nullish(
      v.object({
        id,
        metadata: v.fallback(v.nullish(v.object({ purchase_id: text })), null),
      }),
    ),
    null,
  ),
})

const isUuid = (id: string): boolean => v.safeParse(v.pipe(v.string(), v.uuid()), id).success

/** Reads a signed event. `report` is null for an event without an effect on purchases. Returns null for other JSON. */
export const readEvent = (body: string): { type: string; report: PaymentReport | null } | null => {
  const read = v.safeParse(event, parsed(body))
  if (!read.success) return null
  const { event_type: type, ...fields } = read.output
  const kind = Object.hasOwn(kinds, type) ? kinds[type] : undefined
  // A pending or failed refund has no effect.
  const isComplete = kind !== 'refunded' || (fields.status ?? 'succeeded') === 'succeeded'
  if (!kind || !isComplete) return { type, report: null }
  const { checkout, payment_intent_id, payment_intent, amount_in_cents, currency } = fields
  const purchaseId = checkout?.metadata?.purchase_id ?? null
  const isRefund = kind === 'refunded'
  return {
    type,
    report: {
      kind,
      checkoutId: checkout?.id ?? null,
      purchaseId: purchaseId && isUuid(purchaseId) ? purchaseId : null,
      paymentId: (isRefund ? (payment_intent_id ?? payment_intent?.id) : fields.id) ?? null,
      amount: (isRefund ? fields.customer_refunded_amount_in_cents : null) ?? amount_in_cents ?? null,
      currency: currency ?? null,
    },
  }
}

const parsed = (body: string): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    return null
  }
}
