import type { EntityManager } from 'typeorm'
import { Purchases } from './entity.ts'
import type { Purchase } from './rules.ts'
import { freeSite } from './store.ts'

/** What follows from money that went back: the purchase is at its end, and its site for sale again. */
export const undoSale = async (manager: EntityManager, purchase: Purchase): Promise<void> => {
  const status = 'refunded' as const
  const stamps = { refunded_at: () => 'now()', updated_at: () => 'now()' }
  await manager.update(Purchases, { id: purchase.id }, { status, issue: null, ...stamps })
  await freeSite(manager, purchase)
}
