import { v7 as uuid } from 'uuid'
import { Problem } from '../base/problems.ts'
import type { Deps } from '../deps.ts'
import { isDuplicate } from '../storage/faults.ts'
import { Sites } from './entity.ts'
import type { Site } from './rules.ts'

export type NewSite = Pick<Site, 'slug' | 'name' | 'description' | 'price' | 'currency'> & {
  image_url?: string | null
}

/** Offers a site for sale. */
export const createSite = async (
  { database }: Pick<Deps, 'database'>,
  given: NewSite,
): Promise<Site | Problem<'DUPLICATE_ENTRY'>> => {
  const sites = database.getRepository(Sites)
  const id = uuid()
  try {
    await sites.insert({ id, ...given })
  } catch (error) {
    if (isDuplicate(error, 'sites_slug_key')) return new Problem('DUPLICATE_ENTRY', { detail: 'slug' })
    throw error
  }
  return sites.findOneByOrFail({ id })
}
