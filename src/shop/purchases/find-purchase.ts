import type { EntityManager } from 'typeorm'
import type { PaymentNews, Purchase } from './rules.ts'

/** The advisory locks of this module, among others. */
const paymentLocks = 1_764_000

/**
 * The purchase that news are of, locked: by the checkout; else by what we told the gateway, where the answer that names the
 * checkout was not kept yet; a refund may name nothing but the payment. A payment and its refund wait for each other: of
 * two at once one sees the other.
 */
export const findPurchase = async (manager: EntityManager, news: PaymentNews): Promise<Purchase | null> => {
  if (news.paymentId)
    await manager.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [paymentLocks, news.paymentId])
  const ways: [string, string | null][] = [
    ['checkout_id = $1', news.checkoutId],
    ['checkout_id IS NULL AND id = $1', news.purchaseId],
    ['payment_id = $1', news.kind === 'refunded' ? news.paymentId : null],
  ]
  for (const [where, value] of ways) {
    if (!value) continue
    const [found]: Purchase[] = await manager.query(`SELECT * FROM purchases WHERE ${where} FOR UPDATE`, [
      value,
    ])
    if (found) return found
  }
  return null
}
