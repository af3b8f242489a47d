import type { Deps } from '../../deps.ts'
import { firstIdAt, type PageQuery, rowsFor } from '../../platform/base/pagination.ts'
import { type AuditEvent, AuditEvents } from '../audit/entity.ts'

export type AuditFilter = PageQuery & {
  user_id?: string
  actor_client_id?: string
  type?: string
  from?: Date
  to?: Date
}

/** How far the time of an id may be from `created_at`: the clock of a process makes one, the clock of Postgres the other. */
const clockMarginMs = 3_600_000

/**
 * Security events, newest first, filtered by user, acting machine client, type and time.
 *
 * A time limits the ids too. Ids begin with the time, and the list is sorted by them: with `created_at` alone, a page of last
 * year would read every newer event first.
 */
export const listAuditEvents = (
  { readFromReplica }: Pick<Deps, 'readFromReplica'>,
  filter: AuditFilter,
): Promise<AuditEvent[]> =>
  readFromReplica(manager => {
    const query = manager
      .getRepository(AuditEvents)
      .createQueryBuilder('a')
      .orderBy('a.id', 'DESC')
      .limit(rowsFor(filter))
    const { cursor, user_id, actor_client_id, type, from, to } = filter
    if (cursor) query.andWhere('a.id < :cursor', { cursor })
    if (user_id) query.andWhere('a.user_id = :user_id', { user_id })
    if (actor_client_id) query.andWhere('a.actor_client_id = :actor_client_id', { actor_client_id })
    if (type) query.andWhere('a.type = :type', { type })
    if (from)
      query.andWhere('a.created_at >= :from AND a.id >= :firstId', {
        from,
        firstId: firstIdAt(from.getTime() - clockMarginMs),
      })
    if (to)
      query.andWhere('a.created_at < :to AND a.id < :endId', {
        to,
        endId: firstIdAt(to.getTime() + clockMarginMs),
      })
    return query.getMany()
  })
