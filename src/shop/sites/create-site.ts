import { v7 as uuid } from 'uuid'
import type { Deps } from '../../deps.ts'
import { recordEvent } from '../../features/audit/record-event.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { isDuplicate } from '../../platform/base/store-errors.ts'
import type { Problem } from '../../platform/catalog/problems.ts'
import type { ShopAuditType } from '../catalog/audit-events.ts'
import { shopProblem } from '../catalog/problems.ts'
import { Sites } from './entity.ts'
import type { Site } from './types.ts'

export type NewSite = Pick<Site, 'slug' | 'name' | 'description' | 'price' | 'currency'> & {
  image_url?: string | null
}

/** Offers a site for sale. */
export const createSite = async (
  { database }: Pick<Deps, 'database'>,
  { given, actorId, origin }: { given: NewSite; actorId: string | null; origin: Origin },
): Promise<Site | Problem<'DUPLICATE_ENTRY'>> => {
  const id = uuid()
  try {
    return await database.transaction(async manager => {
      await manager.insert(Sites, { id, ...given })
      const data = { site: given.slug, after: given }
      await recordEvent<ShopAuditType>(manager, { type: 'site.created', userId: null, actorId, origin, data })
      return manager.findOneByOrFail(Sites, { id })
    })
  } catch (error) {
    if (isDuplicate(error, 'sites_slug_key')) return shopProblem('DUPLICATE_ENTRY', { detail: 'slug' })
    throw error
  }
}
