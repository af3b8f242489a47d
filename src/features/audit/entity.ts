import { EntitySchema } from '../../platform/postgres/typeorm.ts'
import type { AuditData } from './changes.ts'

export type AuditEvent = {
  id: string
  type: string
  /** The user whom the event is about. */
  user_id: string | null
  /** The administrator or other user who acted, if it was not the user themselves. */
  actor_id: string | null
  /** The machine client that acted. */
  actor_client_id: string | null
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
    actor_client_id: { type: 'text', nullable: true },
    session_id: { type: 'uuid', nullable: true },
    ip: { type: 'text', nullable: true },
    user_agent: { type: 'text', nullable: true },
    data: { type: 'jsonb', nullable: true },
    created_at: { type: 'timestamptz', default: () => 'now()' },
  },
})
