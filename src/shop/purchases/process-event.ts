import type { Deps } from '../../deps.ts'
import { startDelivery } from '../../platform/mail/outbox.ts'
import { shopCounters } from '../catalog/metrics.ts'
import { WebhookEvents } from './entity.ts'
import { settleEarlyRefunds } from './settle-early-refunds.ts'
import { type Settled, settlePurchase } from './settle-purchase.ts'
import type { PaymentReport } from './types.ts'

type Needs = Pick<Deps, 'database' | 'queue' | 'log' | 'metrics'>

export type EventOutcome = Settled['outcome'] | 'ignored' | 'repeated'

/** Outcomes that need an administrator: the buyer paid and got nothing, or has an account without a way to sign in. */
const alarming: readonly EventOutcome[] = [
  'amount_mismatch',
  'site_unavailable',
  'account_closed',
  'paid_twice',
]

/**
 * Processes an event once, by its id, in one transaction with all of its effects. Resolves after the commit. If it throws,
 * nothing is stored, and the gateway can send the event again.
 */
export const processEvent = async (
  deps: Needs,
  { id, type, report }: { id: string; type: string; report: PaymentReport | null },
): Promise<EventOutcome> => {
  const { outcome, purchaseId, mails } = await deps.database.transaction(async manager => {
    const { raw } = await manager
      .createQueryBuilder()
      .insert()
      .into(WebhookEvents)
      .values({ id, type })
      .orIgnore()
      .returning('id')
      .execute()
    if (raw.length === 0) return { outcome: 'repeated', purchaseId: null, mails: [] } as const
    const settled = report
      ? await settlePurchase(manager, report)
      : ({ outcome: 'ignored', purchaseId: null, mails: [] } as const)
    const { outcome, purchaseId } = settled
    const refund = report?.kind === 'refunded' && outcome === 'unmatched' ? report : null
    await manager.update(
      WebhookEvents,
      { id },
      { outcome, purchase_id: purchaseId, refund, processed_at: () => 'now()' },
    )
    const issue = report?.kind === 'paid' ? await settleEarlyRefunds(manager, report) : null
    return issue ? { ...settled, outcome: issue } : settled
  })
  deps.metrics.count(shopCounters.purchases, { outcome })
  const fields = { outcome, event_type: type, purchase_id: purchaseId }
  if (alarming.includes(outcome)) deps.log.error(fields, 'a payment needs the attention of an administrator')
  else deps.log.info(fields, 'payment event')
  if (mails.length > 0) await startDelivery(deps, [...mails])
  return outcome
}
