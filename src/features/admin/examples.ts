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
  actor_client_id: null,
  session_id: null,
  ip: example.ip,
  user_agent: example.userAgent,
  data: null,
  created_at: example.time,
}

export const newSecretExample = {
  prefix: 'lks_a1B2c3D4',
  created_at: example.time,
  secret: 'lks_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y',
}

export const clientExample = {
  id: example.clientId,
  name: 'Orders',
  scopes: ['users:read', 'orders:read'],
  secrets: [{ prefix: newSecretExample.prefix, created_at: example.time }],
  created_at: example.time,
  last_used_at: null,
  revoked_at: null,
}
