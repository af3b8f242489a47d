import type { EntityManager } from 'typeorm'
import { changesOf } from '../../features/audit/changes.ts'
import { recordEvent } from '../../features/audit/record-event.ts'
import type { Origin } from '../../platform/base/origin.ts'
import type { ShopAuditType } from '../catalog/audit-events.ts'
import { Sites } from '../sites/entity.ts'
import { Purchases } from './entity.ts'
import type { Purchase } from './types.ts'

const fields = ['status', 'issue', 'claim', 'paid_amount', 'paid_currency', 'payment_id'] as const

export type PurchaseEvent = Extract<ShopAuditType, `purchase.${string}`>

type Change = {
  type: PurchaseEvent
  /** The purchase before the change; null if the change creates it. */
  before: Purchase | null
  id: string
  actorId?: string | null
  origin?: Origin
}

/** Records a change of a purchase in its transaction, after the change. Without an `origin`, the gateway caused it. */
export const recordPurchaseEvent = async (
  manager: EntityManager,
  { type, before, id, actorId, origin = { ip: '', userAgent: 'payment' } }: Change,
): Promise<void> => {
  const after = await manager.findOneByOrFail(Purchases, { id })
  const { slug } = await manager.findOneByOrFail(Sites, { id: after.site_id })
  const { amount, currency, status, user_id: userId } = after
  const changes = before ? changesOf(before, after, fields) : { after: { status } }
  const data = { purchase_id: id, site: slug, amount, currency, ...changes }
  await recordEvent<PurchaseEvent>(manager, { type, userId, actorId, origin, data })
}
