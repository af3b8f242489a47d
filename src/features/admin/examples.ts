import { example } from '../../platform/catalog/examples.ts'

export const emailExample = {
  id: example.id,
  kind: 'verify_email',
  recipient: example.email,
  user_id: example.id,
  locale: 'en',
  status: 'failed',
  attempts: 1,
  last_error: 'SMTP 550 5.1.1',
  created_at: example.time,
  sent_at: null,
} as const

export const auditEventExample = {
  id: example.id,
  type: 'user.registered',
  user_id: example.id,
  actor_id: null,
  session_id: null,
  ip: example.ip,
  user_agent: example.userAgent,
  data: null,
  created_at: example.time,
}
