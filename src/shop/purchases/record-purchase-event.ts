import type { EntityManager } from 'typeorm'
import { changesOf } from '../../features/audit/changes.ts'
import { recordEvent } from '../../features/audit/record-event.ts'
import type { Origin } from '../../platform/base/origin.ts'
import type { ShopAuditType } from '../catalog/audit-events.ts'
import { Sites } from '../sites/entity.ts'
import { Purchases } from './entity.ts'
import type { Purchase } from './rules.ts'

const fields = ['status', 'issue', 'claim', 'paid_amount', 'paid_currency', 'payment_id'] as const

export type PurchaseEvent = Extract<ShopAuditType, `purchase.${string}`>

type Act = {
  type: PurchaseEvent
  /** The purchase before the change; null where it begins. */
  before: Purchase | null
  id: string
  actorId?: string
  origin?: Origin
}

/** Keeps what has become of a purchase, in the transaction of the change and after it. The gateway acts if nobody else does. */
export const recordPurchaseEvent = async (
  manager: EntityManager,
  { type, before, id, actorId, origin = { ip: '', userAgent: 'payment' } }: Act,
): Promise<void> => {
  const after = await manager.findOneByOrFail(Purchases, { id })
  const { slug } = await manager.findOneByOrFail(Sites, { id: after.site_id })
  const { amount, currency, status, user_id: userId } = after
  const changes = before ? changesOf(before, after, fields) : { after: { status } }
  const data = { purchase_id: id, site: slug, amount, currency, ...changes }
  await recordEvent<PurchaseEvent>(manager, { type, userId, actorId, origin, data })
}
