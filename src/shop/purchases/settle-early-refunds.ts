import type { EntityManager } from 'typeorm'
import { WebhookEvents } from './entity.ts'
import { settlePurchase } from './settle-purchase.ts'
import type { Issue, PaymentReport } from './types.ts'

/**
 * Settles refunds whose events arrived before the event of their payment. Such an event may name only the payment, so its
 * purchase was unknown until now. Returns an issue if one of them raised it.
 */
export const settleEarlyRefunds = async (
  manager: EntityManager,
  { paymentId }: PaymentReport,
): Promise<Issue | null> => {
  const early: { id: string; refund: PaymentReport }[] = await manager.query(
    `SELECT id, refund FROM webhook_events WHERE refund->>'paymentId' = $1 ORDER BY received_at FOR UPDATE`,
    [paymentId],
  )
  let issue: Issue | null = null
  for (const { id, refund } of early) {
    const { outcome, purchaseId } = await settlePurchase(manager, refund)
    if (outcome === 'unmatched') continue
    await manager.update(WebhookEvents, { id }, { outcome, purchase_id: purchaseId, refund: null })
    if (outcome === 'amount_mismatch' || outcome === 'site_unavailable') issue = outcome
  }
  return issue
}
