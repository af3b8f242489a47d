import { EntitySchema } from 'typeorm'
import type { AuditType } from '../../platform/catalog/audit-events.ts'
import type { AuditData } from './changes.ts'

export type AuditEvent = {
  id: string
  type: AuditType
  /** Whom it is about. */
  user_id: string | null
  /** Who did it, where that was somebody else: an administrator. */
  actor_id: string | null
  session_id: string | null
  ip: string | null
  user_agent: string | null
  data: AuditData | null
  created_at: Date
}

export const AuditEvents = new EntitySchema<AuditEvent>({
  name: 'AuditEvent',
  tableName: 'audit_events',
  columns: {
    id: { type: 'uuid', primary: true },
    type: { type: 'text' },
    user_id: { type: 'uuid', nullable: true },
    actor_id: { type: 'uuid', nullable: true },
    session_id: { type: 'uuid', nullable: true },
    ip: { type: 'text', nullable: true },
    user_agent: { type: 'text', nullable: true },
    data: { type: 'jsonb', nullable: true },
    created_at: { type: 'timestamptz', default: () => 'now()' },
  },
})
