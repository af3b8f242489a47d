import { type AuditEvent, AuditEvents } from '../audit/entity.ts'
import type { AuditType } from '../base/audit.ts'
import type { Deps } from '../deps.ts'
import { type PageQuery, rowsFor } from './rules.ts'

export type AuditFilter = PageQuery & { user_id?: string; type?: AuditType; from?: Date; to?: Date }

/** Security events, the newest first, by user, type and time. */
export const listAuditEvents = (
  { staleRead }: Pick<Deps, 'staleRead'>,
  filter: AuditFilter,
): Promise<AuditEvent[]> =>
  staleRead(manager => {
    const query = manager
      .getRepository(AuditEvents)
      .createQueryBuilder('a')
      .orderBy('a.id', 'DESC')
      .limit(rowsFor(filter))
    const { cursor, user_id, type, from, to } = filter
    if (cursor) query.andWhere('a.id < :cursor', { cursor })
    if (user_id) query.andWhere('a.user_id = :user_id', { user_id })
    if (type) query.andWhere('a.type = :type', { type })
    if (from) query.andWhere('a.created_at >= :from', { from })
    if (to) query.andWhere('a.created_at < :to', { to })
    return query.getMany()
  })
