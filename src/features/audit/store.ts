import { v7 as uuid } from 'uuid'
import type { Origin } from '../../platform/base/origin.ts'
import type { AuditType } from '../../platform/catalog/audit-events.ts'
import { insertRow } from '../../platform/postgres/insert-row.ts'
import type { AuditData } from './changes.ts'

export type AuditedEvent<T extends string = AuditType> = {
  type: T
  userId: string | null
  /** Null if the actor has no account: `origin` then names a machine client, or the operating-system user of a command. */
  actorId?: string | null | undefined
  sessionId?: string | undefined
  origin: Origin
  data?: AuditData | undefined
}

const columns = {
  id: 'uuid',
  type: 'text',
  actor_id: 'uuid',
  actor_client_id: 'text',
  session_id: 'uuid',
  ip: 'text',
  user_agent: 'text',
  data: 'jsonb',
}

/**
 * SQL that inserts an event, as a part of a statement. The parameters from `$first` on are `eventValues`. `userId` is SQL for
 * the user, whose row this statement must have locked. `rest` follows the values.
 */
export const insertEvent = (first: number, userId: string, rest: string): string =>
  insertRow('audit_events', columns, { first, sql: { user_id: userId }, rest })

/** The values of an event, without its user. */
export const eventValues = <T extends string = AuditType>({
  type,
  actorId = null,
  sessionId,
  origin,
  data: given,
}: Omit<AuditedEvent<T>, 'userId'>): (string | null)[] => {
  const { ip, userAgent, operator, machineId = null } = origin
  const data = operator === undefined ? given : { ...given, operator }
  const json = data ? JSON.stringify(data) : null
  return [uuid(), type, actorId, machineId, sessionId ?? null, ip || null, userAgent, json]
}
