import { In, IsNull } from 'typeorm'
import { Problem } from '../base/problems.ts'
import type { Deps } from '../deps.ts'
import { Sites } from './entity.ts'
import type { Site } from './rules.ts'

export type SiteChange = Partial<Pick<Site, 'name' | 'description' | 'price' | 'currency' | 'image_url'>> & {
  status?: 'available' | 'sold'
}

/** Where a site must stand for a status to be given to it by hand. */
const from = {
  sold: { status: In(['available', 'sold']) },
  available: { status: In(['available', 'sold']), held_by: IsNull() },
} as const

/**
 * Changes what is said of a site, or takes it off the market and puts it back: not while somebody is at the checkout, who
 * will pay what they were told, and not from whoever bought it: that takes a refund. A purchase that was begun keeps its
 * price.
 */
export const updateSite = async (
  { database }: Pick<Deps, 'database'>,
  slug: string,
  change: SiteChange,
): Promise<Site | Problem<'NOT_FOUND' | 'SITE_UNAVAILABLE'>> =>
  database.transaction(async manager => {
    const where = { slug, ...(change.status && from[change.status]) }
    const { affected } = await manager.update(Sites, where, { ...change, updated_at: () => 'now()' })
    const site = await manager.findOneBy(Sites, { slug })
    if (!site) return new Problem('NOT_FOUND')
    if (affected === 1) return site
    return new Problem('SITE_UNAVAILABLE', { detail: site.status === 'reserved' ? 'reserved' : 'sold' })
  })
