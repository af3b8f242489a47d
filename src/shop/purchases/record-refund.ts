import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { shopProblem } from '../catalog/problems.ts'
import { Purchases } from './entity.ts'
import { recordPurchaseEvent } from './record-purchase-event.ts'
import { undoSale } from './undo-sale.ts'

/**
 * Records a refund that an administrator reports, because the gateway may send no event for it, or several events for its
 * parts. Moves no money. A purchase that was never paid cannot be refunded.
 */
export const recordRefund = (
  { database }: Pick<Deps, 'database'>,
  { purchaseId, actorId, origin }: { purchaseId: string; actorId: string | null; origin: Origin },
): Promise<null | Problem<'NOT_FOUND' | 'FORBIDDEN'>> =>
  database.transaction(async manager => {
    const purchase = await manager.findOne(Purchases, {
      where: { id: purchaseId },
      lock: { mode: 'pessimistic_write' },
    })
    if (!purchase) return new Problem('NOT_FOUND')
    if (purchase.status === 'refunded') return null
    if (purchase.status !== 'paid' && !purchase.issue) return shopProblem('FORBIDDEN', { detail: 'not_paid' })
    await undoSale(manager, purchase)
    await recordPurchaseEvent(manager, {
      type: 'purchase.refunded',
      before: purchase,
      id: purchase.id,
      actorId,
      origin,
    })
    return null
  })
