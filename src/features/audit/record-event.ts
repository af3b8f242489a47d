import type { EntityManager } from 'typeorm'
import { v7 as uuid } from 'uuid'
import type { Origin } from '../../platform/base/origin.ts'
import type { AuditType } from '../../platform/catalog/audit-events.ts'
import type { AuditData } from './changes.ts'
import { AuditEvents } from './entity.ts'

export type AuditedEvent<T extends string = AuditType> = {
  type: T
  userId: string | null
  /** Null if the actor has no account: `origin` then names a machine client, or the operating-system user of a command. */
  actorId?: string | null | undefined
  sessionId?: string | undefined
  origin: Origin
  data?: AuditData | undefined
}

/**
 * Records a security event in the transaction of the change that it describes. Returns false if the same event was recorded
 * before: a theft is recorded once for each session. A module names its own types: `recordEvent<OwnTypes>(…)`.
 */
export const recordEvent = async <T extends string = AuditType>(
  manager: EntityManager,
  event: AuditedEvent<NoInfer<T>>,
): Promise<boolean> => {
  const { operator } = event.origin
  const data = operator === undefined ? event.data : { ...event.data, operator }
  const { raw } = await manager
    .createQueryBuilder()
    .insert()
    .into(AuditEvents)
    .values({
      id: uuid(),
      type: event.type,
      // Null if the user was erased meanwhile: the foreign key would reject the event.
      user_id: () => '(SELECT id FROM users WHERE id = :userId FOR KEY SHARE)',
      actor_id: event.actorId ?? null,
      actor_client_id: event.origin.machineId ?? null,
      session_id: event.sessionId ?? null,
      ip: event.origin.ip || null,
      user_agent: event.origin.userAgent,
      data: (data ?? null) as never,
    })
    .setParameter('userId', event.userId)
    .orIgnore()
    .returning('id')
    .execute()
  return raw.length === 1
}
