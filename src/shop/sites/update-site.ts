import type { Deps } from '../../deps.ts'
import { changesOf } from '../../features/audit/changes.ts'
import { recordEvent } from '../../features/audit/record-event.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { In, IsNull } from '../../platform/postgres/typeorm.ts'
import type { ShopAuditType } from '../catalog/audit-events.ts'
import { shopProblem } from '../catalog/problems.ts'
import { Sites } from './entity.ts'
import type { Site } from './types.ts'

export type SiteChange = Partial<Pick<Site, 'name' | 'description' | 'price' | 'currency' | 'image_url'>> & {
  status?: 'available' | 'sold'
}

const fields = ['name', 'description', 'price', 'currency', 'image_url', 'status'] as const

/** The state that a site must have to get a status from an administrator. */
const from = {
  sold: { status: In(['available', 'sold']) },
  available: { status: In(['available', 'sold']), held_by: IsNull() },
} as const

/**
 * Changes the fields of a site, withdraws it from sale, or offers it again. The status stays while a buyer is at the checkout,
 * and only a refund makes a bought site available. A purchase that has started keeps its price.
 */
export const updateSite = async (
  { database }: Pick<Deps, 'database'>,
  {
    slug,
    change,
    actorId,
    origin,
  }: { slug: string; change: SiteChange; actorId: string | null; origin: Origin },
): Promise<Site | Problem<'NOT_FOUND' | 'SITE_UNAVAILABLE'>> =>
  database.transaction(async manager => {
    const before = await manager.findOne(Sites, { where: { slug }, lock: { mode: 'pessimistic_write' } })
    if (!before) return new Problem('NOT_FOUND')
    const where = { slug, ...(change.status && from[change.status]) }
    const { affected } = await manager.update(Sites, where, { ...change, updated_at: () => 'now()' })
    if (affected !== 1)
      return shopProblem('SITE_UNAVAILABLE', { detail: before.status === 'reserved' ? 'reserved' : 'sold' })
    const after = await manager.findOneByOrFail(Sites, { slug })
    const changes = changesOf(before, after, fields)
    if (Object.keys(changes.after).length > 0)
      await recordEvent<ShopAuditType>(manager, {
        ...{ type: 'site.updated', userId: null, actorId, origin },
        data: { site: slug, ...changes },
      })
    return after
  })
