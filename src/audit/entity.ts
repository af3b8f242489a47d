import { EntitySchema } from 'typeorm'

export type AuditType = 'session.reused'

export type AuditEvent = {
  id: string
  type: AuditType
  user_id: string | null
  session_id: string | null
  ip: string | null
  user_agent: string | null
  created_at: Date
}

export const AuditEvents = new EntitySchema<AuditEvent>({
  name: 'AuditEvent',
  tableName: 'audit_events',
  columns: {
    id: { type: 'uuid', primary: true },
    type: { type: 'text' },
    user_id: { type: 'uuid', nullable: true },
    session_id: { type: 'uuid', nullable: true },
    ip: { type: 'text', nullable: true },
    user_agent: { type: 'text', nullable: true },
    created_at: { type: 'timestamptz', default: () => 'now()' },
  },
})
