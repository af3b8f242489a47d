import type { EntityManager } from 'typeorm'
import { Purchases } from './entity.ts'
import { releaseSite } from './store.ts'
import type { Purchase } from './types.ts'

/** Marks a purchase as refunded and offers its site for sale again. */
export const undoSale = async (manager: EntityManager, purchase: Purchase): Promise<void> => {
  const status = 'refunded' as const
  const stamps = { refunded_at: () => 'now()', updated_at: () => 'now()' }
  await manager.update(Purchases, { id: purchase.id }, { status, issue: null, ...stamps })
  await releaseSite(manager, purchase)
}
