import type { EntityManager } from 'typeorm'
import type { AuditType } from '../../platform/catalog/audit-events.ts'
import { type AuditedEvent, eventValues, insertEvent } from './store.ts'

// Null if the user was erased meanwhile: the foreign key would reject the event.
const lockedUser = '(SELECT id FROM users WHERE id = $1 FOR KEY SHARE)'

const insert = insertEvent(2, lockedUser, 'ON CONFLICT DO NOTHING RETURNING id')

/**
 * Records a security event in the transaction of the change that it describes. Returns false if the same event was recorded
 * before: a theft is recorded once for each session. A module names its own types: `recordEvent<OwnTypes>(…)`.
 */
export const recordEvent = async <T extends string = AuditType>(
  manager: EntityManager,
  { userId, ...event }: AuditedEvent<NoInfer<T>>,
): Promise<boolean> => {
  const inserted: unknown[] = await manager.query(insert, [userId, ...eventValues(event)])
  return inserted.length === 1
}
