import type { Deps } from '../../deps.ts'
import { isShop } from '../catalog/variables.ts'
import { endPurchase } from './end-purchase.ts'
import { processEvent } from './process-event.ts'
import { readCheckout } from './read-checkout.ts'
import { claimOpenPurchases, type OpenPurchase } from './store.ts'

type Needs = Pick<Deps, 'config' | 'database' | 'queue' | 'log' | 'metrics'>

const batch = 10

/**
 * Asks the gateway about open checkouts, as webhook events may be lost, and with test keys the gateway sends none. Its reply
 * has the same effect as an event. Returns the number of checkouts.
 *
 * A site is released only after its checkout has expired and the gateway says that it is unpaid, so never while the gateway
 * fails. Any number of workers may run this job.
 */
export const reconcile = async (deps: Needs): Promise<number> => {
  if (!isShop(deps.config)) return 0
  let count = 0
  for (;;) {
    const due = await claimOpenPurchases(deps.database.manager, batch)
    const results = await Promise.all(
      due.map(purchase => reconcileOne(deps, purchase).catch(logFailure(deps, purchase))),
    )
    count += due.length
    // If the gateway answers none of a batch, stop until the next run: a worker that closes waits for this job.
    if (due.length < batch || !results.includes(true)) return count
  }
}

const logFailure =
  ({ log }: Needs, { id }: OpenPurchase) =>
  (err: unknown): boolean => {
    log.warn({ err, purchase_id: id }, 'a purchase could not be reconciled and is tried again')
    return false
  }

/** Returns whether the gateway answered. */
const reconcileOne = async (deps: Needs, purchase: OpenPurchase): Promise<boolean> => {
  // No client ever got the address of the checkout, so it cannot be paid.
  if (!purchase.checkout_id) {
    await endPurchase(deps, purchase.id)
    return true
  }
  const checkout = await readCheckout(deps, purchase.checkout_id)
  if (!checkout) return false
  if (checkout.status === 'paid') {
    const { amount, currency, paymentId } = checkout
    const report = { kind: 'paid', checkoutId: purchase.checkout_id, purchaseId: purchase.id } as const
    await processEvent(deps, {
      id: `checkout.paid/${purchase.checkout_id}`,
      type: 'checkout.paid',
      report: { ...report, paymentId, amount, currency },
    })
    return true
  }
  const mayStillBePaid = checkout.status === 'payment_in_progress' && !purchase.is_stale
  if (purchase.is_over && !mayStillBePaid) await endPurchase(deps, purchase.id)
  return true
}
