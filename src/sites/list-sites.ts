import { type PageQuery, rowsFor } from '../admin/rules.ts'
import type { Deps } from '../deps.ts'
import { Sites } from './entity.ts'
import type { Site } from './rules.ts'

export type SiteFilter = PageQuery & { status?: Site['status']; currency?: Site['currency'] }

/** Sites, the newest first. */
export const listSites = ({ staleRead }: Pick<Deps, 'staleRead'>, filter: SiteFilter): Promise<Site[]> =>
  staleRead(manager => {
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
