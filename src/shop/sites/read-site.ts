import type { Deps } from '../../deps.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { Sites } from './entity.ts'
import type { Site } from './types.ts'

export const readSite = async (
  { database }: Pick<Deps, 'database'>,
  slug: string,
): Promise<Site | Problem<'NOT_FOUND'>> =>
  (await database.getRepository(Sites).findOneBy({ slug })) ?? new Problem('NOT_FOUND')
