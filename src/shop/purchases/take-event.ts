import type { Deps } from '../../deps.ts'
import { enqueueEmails } from '../../platform/mail/outbox.ts'
import { shopCounters } from '../catalog/metrics.ts'
import { WebhookEvents } from './entity.ts'
import type { PaymentNews } from './rules.ts'
import { settleEarlyRefunds } from './settle-early-refunds.ts'
import { type Settled, settlePurchase } from './settle-purchase.ts'

type Needs = Pick<Deps, 'database' | 'queue' | 'log' | 'metrics'>

export type TakenOutcome = Settled['outcome'] | 'ignored' | 'repeated'

/** What somebody has to look at: money came that nothing was given for, or to an account that nobody enters. */
const alarming: readonly TakenOutcome[] = [
  'amount_mismatch',
  'site_unavailable',
  'account_closed',
  'paid_twice',
]

/**
 * Takes an event once, by its id, in one transaction with all that follows from it. Resolves after the commit; a fault
 * throws, and the event is as if it had never come.
 */
export const takeEvent = async (
  deps: Needs,
  { id, type, news }: { id: string; type: string; news: PaymentNews | null },
): Promise<TakenOutcome> => {
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
    const settled = news
      ? await settlePurchase(manager, news)
      : ({ outcome: 'ignored', purchaseId: null, mails: [] } as const)
    const { outcome, purchaseId } = settled
    const refund = news?.kind === 'refunded' && outcome === 'unmatched' ? news : null
    await manager.update(
      WebhookEvents,
      { id },
      { outcome, purchase_id: purchaseId, refund, processed_at: () => 'now()' },
    )
    const issue = news?.kind === 'paid' ? await settleEarlyRefunds(manager, news) : null
    return issue ? { ...settled, outcome: issue } : settled
  })
  deps.metrics.count(shopCounters.purchases, { outcome })
  const line = { outcome, event_type: type, purchase_id: purchaseId }
  if (alarming.includes(outcome)) deps.log.error(line, 'a payment that somebody has to look at')
  else deps.log.info(line, 'payment event')
  if (mails.length > 0) await enqueueEmails(deps, [...mails])
  return outcome
}
