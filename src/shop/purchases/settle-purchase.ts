import type { EntityManager } from 'typeorm'
import { completeSale } from './complete-sale.ts'
import { Purchases } from './entity.ts'
import { findPurchase } from './find-purchase.ts'
import { type PurchaseEvent, recordPurchaseEvent } from './record-purchase-event.ts'
import {
  type Issue,
  type PaymentReport,
  type Purchase,
  type PurchaseStatus,
  purchaseStatuses,
} from './types.ts'
import { undoSale } from './undo-sale.ts'

export type Settled = {
  /** `account_closed`: applied, but its user cannot sign in. `paid_twice`: a second payment for a paid purchase. */
  outcome: 'applied' | 'unchanged' | 'unmatched' | 'account_closed' | 'paid_twice' | Issue
  purchaseId: string | null
  mails: string[]
}

const nextStatus: Record<PaymentReport['kind'], PurchaseStatus | null> = {
  paid: 'paid',
  failed: 'failed',
  refunded: 'refunded',
  noted: null,
}

/** Whether a purchase may change to this status: only forward, so that events may arrive in any order and repeatedly. */
const isLater = (status: PurchaseStatus, current: PurchaseStatus): boolean =>
  purchaseStatuses.indexOf(status) > purchaseStatuses.indexOf(current)

/** Applies a payment report to its purchase, in the transaction of the caller: a webhook event or a reply of the gateway. */
export const settlePurchase = async (manager: EntityManager, report: PaymentReport): Promise<Settled> => {
  const purchase = await findPurchase(manager, report)
  if (!purchase) return { outcome: 'unmatched', purchaseId: null, mails: [] }
  const { outcome, mails = [], event } = await settle(manager, purchase, report)
  if (event) await recordPurchaseEvent(manager, { type: event, before: purchase, id: purchase.id })
  return { outcome, purchaseId: purchase.id, mails }
}

type Result = { outcome: Settled['outcome']; mails?: string[]; event?: PurchaseEvent }

const settle = async (manager: EntityManager, purchase: Purchase, report: PaymentReport): Promise<Result> => {
  const status = nextStatus[report.kind]
  if (!status || !isLater(status, purchase.status))
    return { outcome: isPaidTwice(purchase, report) ? 'paid_twice' : 'unchanged' }
  if (status === 'failed') {
    await manager.update(Purchases, { id: purchase.id }, { status, updated_at: () => 'now()' })
    return { outcome: 'applied', event: 'purchase.failed' }
  }
  if (!isWholeAmount(purchase, report)) {
    if (status === 'paid') await storePayment(manager, purchase, report)
    return raiseIssue(manager, purchase, 'amount_mismatch')
  }
  if (status === 'refunded') {
    await undoSale(manager, purchase)
    return { outcome: 'applied', event: 'purchase.refunded' }
  }
  const sale = await completeSale(manager, purchase, report.paymentId)
  if (!sale) return raiseIssue(manager, purchase, 'site_unavailable')
  const outcome = sale.isClosed ? 'account_closed' : 'applied'
  return { outcome, mails: sale.mails, event: 'purchase.paid' }
}

const isPaidTwice = ({ payment_id }: Purchase, { kind, paymentId }: PaymentReport): boolean =>
  kind === 'paid' && payment_id !== null && paymentId !== null && payment_id !== paymentId

/** Whether the report has the whole amount: the price, or for a refund what was paid instead of the price. */
const isWholeAmount = (purchase: Purchase, { kind, amount, currency }: PaymentReport): boolean => {
  const { paid_amount, paid_currency } = purchase
  const paidOther = kind === 'refunded' && paid_amount !== null
  const due = paidOther ? [Number(paid_amount), paid_currency] : [purchase.amount, purchase.currency]
  return amount === due[0] && currency === due[1]
}

// The refund of this payment names its id, and has its amount.
const storePayment = async (
  manager: EntityManager,
  { id }: Purchase,
  report: PaymentReport,
): Promise<void> => {
  const { paymentId: payment_id, currency: paid_currency } = report
  const paid_amount = report.amount === null ? null : String(report.amount)
  await manager.update(Purchases, { id }, { payment_id, paid_amount, paid_currency })
}

const raiseIssue = async (manager: EntityManager, { id }: Purchase, issue: Issue): Promise<Result> => {
  await manager.update(Purchases, { id }, { issue, updated_at: () => 'now()' })
  return { outcome: issue, event: 'purchase.issue_raised' }
}
