import * as v from 'valibot'
import { gatewayId, type PaymentNews } from './rules.ts'

// What the gateway documents of its events, and no more: https://docs.recurrente.com, "Webhooks". An event says what it is
// about by the id of the checkout; that of a failed card holds nothing else of it.

const kinds: Record<string, PaymentNews['kind']> = {
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

/**
 * Reads a signed event. `news` is null where it tells of nothing that purchases know; the whole is null where it is no
 * event at all.
 */
export const readEvent = (body: string): { type: string; news: PaymentNews | null } | null => {
  const read = v.safeParse(event, parsed(body))
  if (!read.success) return null
  const { event_type: type, ...told } = read.output
  const kind = Object.hasOwn(kinds, type) ? kinds[type] : undefined
  // A refund that is on its way, or that failed, is none.
  const isDone = kind !== 'refunded' || (told.status ?? 'succeeded') === 'succeeded'
  if (!kind || !isDone) return { type, news: null }
  const purchaseId = told.checkout?.metadata?.purchase_id ?? null
  return {
    type,
    news: {
      kind,
      checkoutId: told.checkout?.id ?? null,
      purchaseId: purchaseId && isUuid(purchaseId) ? purchaseId : null,
      paymentId:
        (kind === 'refunded' ? (told.payment_intent_id ?? told.payment_intent?.id) : told.id) ?? null,
      amount:
        (kind === 'refunded' ? told.customer_refunded_amount_in_cents : null) ?? told.amount_in_cents ?? null,
      currency: told.currency ?? null,
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
