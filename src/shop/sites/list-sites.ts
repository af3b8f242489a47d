import type { Deps } from '../../deps.ts'
import { type PageQuery, rowsFor } from '../../platform/base/pagination.ts'
import { Sites } from './entity.ts'
import type { Site } from './types.ts'

export type SiteFilter = PageQuery & { status?: Site['status']; currency?: Site['currency'] }

/** Sites, the newest first. */
export const listSites = (
  { readFromReplica }: Pick<Deps, 'readFromReplica'>,
  filter: SiteFilter,
): Promise<Site[]> =>
  readFromReplica(manager => {
    const query = manager
      .getRepository(Sites)
      .createQueryBuilder('s')
      .orderBy('s.id', 'DESC')
      .limit(rowsFor(filter))
    const { cursor, status, currency } = filter
    if (cursor) query.andWhere('s.id < :cursor', { cursor })
    if (status) query.andWhere('s.status = :status', { status })
    if (currency) query.andWhere('s.currency = :currency', { currency })
    return query.getMany()
  })
