import type { Deps } from '../../deps.ts'
import { Purchases } from './entity.ts'
import { recordPurchaseEvent } from './record-purchase-event.ts'
import { expirePurchase } from './store.ts'

/** Expires an unpaid purchase, releases its site, and records the event. Has no effect on a purchase that was paid. */
export const endPurchase = ({ database }: Pick<Deps, 'database'>, id: string): Promise<void> =>
  database.transaction(async manager => {
    const before = await manager.findOne(Purchases, { where: { id }, lock: { mode: 'pessimistic_write' } })
    await expirePurchase(manager, id)
    const isEnded = before && ['pending', 'failed'].includes(before.status) && before.issue === null
    if (isEnded) await recordPurchaseEvent(manager, { type: 'purchase.expired', before, id })
  })
