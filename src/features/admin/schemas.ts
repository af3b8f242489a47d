import * as v from 'valibot'
import { named, time } from '../../platform/base/field-shapes.ts'

export const emailStatuses = v.picklist(['queued', 'sent', 'failed', 'dropped'])

export const emailReply = named('Email', {
  id: v.string(),
  kind: v.string(),
  recipient: v.string(),
  user_id: v.nullable(v.string()),
  locale: v.string(),
  status: emailStatuses,
  attempts: v.number(),
  last_error: v.nullable(v.string()),
  created_at: time,
  sent_at: v.nullable(time),
})

export const auditReply = (types: readonly string[]) =>
  named('AuditEvent', {
    id: v.string(),
    type: v.picklist(types),
    user_id: v.nullable(v.string()),
    actor_id: v.nullable(v.string()),
    actor_client_id: v.nullable(v.string()),
    session_id: v.nullable(v.string()),
    ip: v.nullable(v.string()),
    user_agent: v.nullable(v.string()),
    data: v.nullable(v.record(v.string(), v.unknown())),
    created_at: time,
  })
