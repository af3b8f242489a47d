import type { EntityManager } from 'typeorm'
import { isOpen, type User } from '../accounts/rules.ts'
import { Sites } from '../sites/entity.ts'
import { oweMail } from '../storage/outbox.ts'
import { Purchases } from './entity.ts'
import { findCustomer } from './find-customer.ts'
import { findPurchase } from './find-purchase.ts'
import { type Issue, leadsTo, type PaymentNews, type Purchase, type PurchaseStatus } from './rules.ts'
import { sellSite } from './store.ts'
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
  const sold = await sell(manager, purchase, news.paymentId)
  if (!sold) return settled('site_unavailable')
  return settled(isOpen(sold.user) ? 'applied' : 'account_closed', sold.mails)
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

const sell = async (
  manager: EntityManager,
  purchase: Purchase,
  paymentId: string | null,
): Promise<{ user: User; mails: string[] } | null> => {
  const paid = { status: 'paid', payment_id: paymentId, paid_amount: null, paid_currency: null } as const
  const stamps = { paid_at: () => 'now()', updated_at: () => 'now()' }
  await manager.update(Purchases, { id: purchase.id }, { ...paid, issue: null, ...stamps })
  // Paid after its time had run out, when the site was another's or the buyer forgotten: the money is to go back, by hand.
  const isForgotten = purchase.user_id === null && purchase.email === null
  if (isForgotten || !(await sellSite(manager, purchase))) {
    await raise(manager, purchase, 'site_unavailable')
    return null
  }
  const { user, welcome } = await findCustomer(manager, purchase)
  await manager.update(Purchases, { id: purchase.id }, { user_id: user.id })
  const site = await manager.findOneByOrFail(Sites, { id: purchase.site_id })
  const to = { recipient: user.email, userId: user.id, locale: purchase.locale }
  const data = {
    item: site.name,
    amount: `${purchase.amount} ${purchase.currency}`,
    reference: purchase.id,
  }
  const mails = [
    ...(welcome ? [await oweMail(manager, { ...to, kind: 'welcome_guest' })] : []),
    await oweMail(manager, { ...to, kind: 'purchase_confirmation', data }),
  ]
  return { user, mails }
}

const raise = async (manager: EntityManager, { id }: Purchase, issue: Issue): Promise<void> => {
  await manager.update(Purchases, { id }, { issue, updated_at: () => 'now()' })
}
