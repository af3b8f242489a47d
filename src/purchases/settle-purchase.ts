import type { EntityManager } from 'typeorm'
import { completeSale } from './complete-sale.ts'
import { Purchases } from './entity.ts'
import { findPurchase } from './find-purchase.ts'
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
  const settled = (outcome: Settled['outcome'], mails: string[] = []): Settled => ({
    outcome,
    purchaseId: purchase.id,
    mails,
  })
  const status = becomes[news.kind]
  if (!status || !leadsTo(purchase.status, status))
    return settled(isPaidTwice(purchase, news) ? 'paid_twice' : 'unchanged')
  if (status === 'failed') {
    await manager.update(Purchases, { id: purchase.id }, { status, updated_at: () => 'now()' })
    return settled('applied')
  }
  if (!isWhole(purchase, news)) {
    if (status === 'paid') await keepPayment(manager, purchase, news)
    await raise(manager, purchase, 'amount_mismatch')
    return settled('amount_mismatch')
  }
  if (status === 'refunded') {
    await undoSale(manager, purchase)
    return settled('applied')
  }
  const sold = await completeSale(manager, purchase, news.paymentId)
  if (!sold) {
    await raise(manager, purchase, 'site_unavailable')
    return settled('site_unavailable')
  }
  return settled(sold.isClosed ? 'account_closed' : 'applied', sold.mails)
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

const raise = async (manager: EntityManager, { id }: Purchase, issue: Issue): Promise<void> => {
  await manager.update(Purchases, { id }, { issue, updated_at: () => 'now()' })
}
