import type { Deps } from '../../deps.ts'
import { isShop } from '../catalog/variables.ts'
import { endPurchase } from './end-purchase.ts'
import { readCheckout } from './read-checkout.ts'
import { claimOpenPurchases, type OpenPurchase } from './store.ts'
import { takeEvent } from './take-event.ts'

type Needs = Pick<Deps, 'config' | 'database' | 'queue' | 'log' | 'metrics'>

const batch = 10

/**
 * Asks the gateway about checkouts that no webhook has told the end of, and goes the same way with the answer; it sends
 * none for its test keys. A site is let go when its checkout has run out and the gateway says that nobody has paid, so
 * never while the gateway does not answer. Any number of workers may. Returns how many were asked about.
 */
export const reconcile = async (deps: Needs): Promise<number> => {
  if (!isShop(deps.config)) return 0
  let asked = 0
  for (;;) {
    const due = await claimOpenPurchases(deps.database.manager, batch)
    const told = await Promise.all(due.map(purchase => look(deps, purchase).catch(later(deps, purchase))))
    asked += due.length
    // A gateway that answers none of them is left alone until the next round, which a worker that ends does not wait for.
    if (due.length < batch || !told.includes(true)) return asked
  }
}

const later =
  ({ log }: Needs, { id }: OpenPurchase) =>
  (err: unknown): boolean => {
    log.warn({ err, purchase_id: id }, 'a purchase is not reconciled yet')
    return false
  }

/** Whether there was an answer. */
const look = async (deps: Needs, purchase: OpenPurchase): Promise<boolean> => {
  // Nobody was ever told where to pay it.
  if (!purchase.checkout_id) {
    await endPurchase(deps, purchase.id)
    return true
  }
  const found = await readCheckout(deps, purchase.checkout_id)
  if (!found) return false
  if (found.status === 'paid') {
    const { amount, currency, paymentId } = found
    const news = { kind: 'paid', checkoutId: purchase.checkout_id, purchaseId: purchase.id } as const
    await takeEvent(deps, {
      id: `checkout.paid/${purchase.checkout_id}`,
      type: 'checkout.paid',
      news: { ...news, paymentId, amount, currency },
    })
    return true
  }
  const mayCome = found.status === 'payment_in_progress' && !purchase.is_stale
  if (purchase.is_over && !mayCome) await endPurchase(deps, purchase.id)
  return true
}
