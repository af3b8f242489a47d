import type { EntityManager } from 'typeorm'
import { WebhookEvents } from './entity.ts'
import type { Issue, PaymentNews } from './rules.ts'
import { settlePurchase } from './settle-purchase.ts'

/**
 * Does what follows from refunds that were told of before their payment, now that it is known whose they are: such a one
 * may name nothing but the payment. Returns what somebody has to look at, if anything.
 */
export const settleEarlyRefunds = async (
  manager: EntityManager,
  { paymentId }: PaymentNews,
): Promise<Issue | null> => {
  const early: { id: string; refund: PaymentNews }[] = await manager.query(
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
