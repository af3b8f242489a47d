import type { EntityManager } from 'typeorm'
import type { PaymentReport, Purchase } from './types.ts'

/** The first key of the advisory locks on payments. It separates them from other advisory locks. */
const paymentLocks = 1_764_000

/**
 * Finds and locks the purchase of a payment report: by the checkout, or by the purchase id in the metadata if the checkout id
 * is not stored yet, or by the payment, because a refund may name nothing else. A lock on the payment makes simultaneous
 * reports of a payment and its refund run one after the other, so that the second sees the first.
 */
export const findPurchase = async (
  manager: EntityManager,
  report: PaymentReport,
): Promise<Purchase | null> => {
  if (report.paymentId)
    await manager.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [paymentLocks, report.paymentId])
  const conditions: [string, string | null][] = [
    ['checkout_id = $1', report.checkoutId],
    ['checkout_id IS NULL AND id = $1', report.purchaseId],
    ['payment_id = $1', report.kind === 'refunded' ? report.paymentId : null],
  ]
  for (const [where, value] of conditions) {
    if (!value) continue
    const [found]: Purchase[] = await manager.query(`SELECT * FROM purchases WHERE ${where} FOR UPDATE`, [
      value,
    ])
    if (found) return found
  }
  return null
}
