import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { shopProblem } from '../catalog/problems.ts'
import { Purchases } from './entity.ts'
import { recordPurchaseEvent } from './record-purchase-event.ts'
import { undoSale } from './undo-sale.ts'

/**
 * Keeps that the money of a purchase went back, where an administrator says so: the gateway may not tell of a refund, or
 * tell of it in parts. What was never paid cannot be given back. Moves no money itself.
 */
export const recordRefund = (
  { database }: Pick<Deps, 'database'>,
  { purchaseId, actorId, origin }: { purchaseId: string; actorId: string; origin: Origin },
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
