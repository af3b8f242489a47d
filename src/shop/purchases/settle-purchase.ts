import type { EntityManager } from 'typeorm'
import { completeSale } from './complete-sale.ts'
import { Purchases } from './entity.ts'
import { findPurchase } from './find-purchase.ts'
import { type PurchaseEvent, recordPurchaseEvent } from './record-purchase-event.ts'
import { type Issue, leadsTo, type PaymentNews, type Purchase, type PurchaseStatus } from './rules.ts'
import { undoSale } from './undo-sale.ts'

export type Settled = {
  /** `account_closed`: all is done, but the account cannot be entered. `paid_twice`: by another payment than before. */
  outcome: 'applied' | 'unchanged' | 'unmatched' | 'account_closed' | 'paid_twice' | Issue
  purchaseId: string | null
  mails: string[]
}

const becomes: Record<PaymentNews['kind'], PurchaseStatus | null> = {
  paid: 'paid',
  failed: 'failed',
  refunded: 'refunded',
  noted: null,
}

/**
 * Does what follows from a payment, in the transaction of whoever was told of it: the one way for webhooks and for what
 * the gateway answers. A purchase goes forward alone, so that order does not matter, nor how often something is told.
 */
export const settlePurchase = async (manager: EntityManager, news: PaymentNews): Promise<Settled> => {
  const purchase = await findPurchase(manager, news)
  if (!purchase) return { outcome: 'unmatched', purchaseId: null, mails: [] }
  const { outcome, mails = [], event } = await settle(manager, purchase, news)
  if (event) await recordPurchaseEvent(manager, { type: event, before: purchase, id: purchase.id })
  return { outcome, purchaseId: purchase.id, mails }
}

type Step = { outcome: Settled['outcome']; mails?: string[]; event?: PurchaseEvent }

const settle = async (manager: EntityManager, purchase: Purchase, news: PaymentNews): Promise<Step> => {
  const status = becomes[news.kind]
  if (!status || !leadsTo(purchase.status, status))
    return { outcome: isPaidTwice(purchase, news) ? 'paid_twice' : 'unchanged' }
  if (status === 'failed') {
    await manager.update(Purchases, { id: purchase.id }, { status, updated_at: () => 'now()' })
    return { outcome: 'applied', event: 'purchase.failed' }
  }
  if (!isWhole(purchase, news)) {
    if (status === 'paid') await keepPayment(manager, purchase, news)
    return raise(manager, purchase, 'amount_mismatch')
  }
  if (status === 'refunded') {
    await undoSale(manager, purchase)
    return { outcome: 'applied', event: 'purchase.refunded' }
  }
  const sold = await completeSale(manager, purchase, news.paymentId)
  if (!sold) return raise(manager, purchase, 'site_unavailable')
  const outcome = sold.isClosed ? 'account_closed' : 'applied'
  return { outcome, mails: sold.mails, event: 'purchase.paid' }
}

const isPaidTwice = ({ payment_id }: Purchase, { kind, paymentId }: PaymentNews): boolean =>
  kind === 'paid' && payment_id !== null && paymentId !== null && payment_id !== paymentId

/** Whether all of it was paid, or given back: what came, where that was not what was asked for. */
const isWhole = (purchase: Purchase, { kind, amount, currency }: PaymentNews): boolean => {
  const { paid_amount, paid_currency } = purchase
  const differed = kind === 'refunded' && paid_amount !== null
  const due = differed ? [Number(paid_amount), paid_currency] : [purchase.amount, purchase.currency]
  return amount === due[0] && currency === due[1]
}

// Its refund is found by it, and is of that amount.
const keepPayment = async (manager: EntityManager, { id }: Purchase, news: PaymentNews): Promise<void> => {
  const { paymentId: payment_id, currency: paid_currency } = news
  const paid_amount = news.amount === null ? null : String(news.amount)
  await manager.update(Purchases, { id }, { payment_id, paid_amount, paid_currency })
}

const raise = async (manager: EntityManager, { id }: Purchase, issue: Issue): Promise<Step> => {
  await manager.update(Purchases, { id }, { issue, updated_at: () => 'now()' })
  return { outcome: issue, event: 'purchase.issue_raised' }
}
