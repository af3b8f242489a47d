import type * as v from 'valibot'
import type { adminPurchaseReply, purchaseReply } from './schemas.ts'
import type { PurchaseRow } from './types.ts'

/** A purchase as its buyer sees it. `checkout_url` is null once the purchase cannot be paid any more. */
export const purchaseView = (row: PurchaseRow): v.InferOutput<typeof purchaseReply> => ({
  id: row.id,
  site: { slug: row.site_slug, name: row.site_name },
  amount: row.amount,
  currency: row.currency,
  status: row.status,
  checkout_url: row.is_payable ? row.checkout_url : null,
  expires_at: row.expires_at.toISOString(),
  created_at: row.created_at.toISOString(),
  paid_at: row.paid_at?.toISOString() ?? null,
  refunded_at: row.refunded_at?.toISOString() ?? null,
})

/** A purchase as administrators see it. */
export const adminPurchaseView = (row: PurchaseRow): v.InferOutput<typeof adminPurchaseReply> => {
  const { user_id, email, full_name, claim, issue, checkout_id, payment_id, paid_currency } = row
  const shown = { user_id, email, full_name, claim, issue, checkout_id, payment_id, paid_currency }
  const paid_amount = row.paid_amount === null ? null : Number(row.paid_amount)
  return { ...purchaseView(row), ...shown, paid_amount }
}
