import type { Deps } from '../../deps.ts'
import { type PageQuery, rowsFor } from '../../platform/base/pagination.ts'
import { type Email, type EmailStatus, Emails } from '../../platform/mail/entity.ts'

export type EmailFilter = PageQuery & { status?: EmailStatus; recipient?: string }

/** The delivery log, newest first, filtered by status and recipient. */
export const listEmails = (
  { readFromReplica }: Pick<Deps, 'readFromReplica'>,
  filter: EmailFilter,
): Promise<Email[]> =>
  readFromReplica(manager => {
    const query = manager
      .getRepository(Emails)
      .createQueryBuilder('e')
      .orderBy('e.id', 'DESC')
      .limit(rowsFor(filter))
    const { cursor, status, recipient } = filter
    if (cursor) query.andWhere('e.id < :cursor', { cursor })
    if (status) query.andWhere('e.status = :status', { status })
    if (recipient) query.andWhere('e.recipient = :recipient', { recipient })
    return query.getMany()
  })
