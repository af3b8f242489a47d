import type * as v from 'valibot'
import { example } from '../../platform/catalog/examples.ts'
import { totpExample } from '../factors/examples.ts'
import { liveSessionExample } from '../sessions/examples.ts'
import { userExample } from '../users/examples.ts'
import type { exportReply } from './schemas.ts'

export const profileExample = {
  full_name: example.fullName,
  phone: example.phone,
  address: example.address,
  preferred_language: 'en',
}

export const exportExample: v.InferInput<typeof exportReply> = {
  user: userExample,
  sessions: [liveSessionExample],
  factors: [totpExample],
  emails: [
    {
      kind: 'verify_email',
      recipient: example.email,
      status: 'sent',
      created_at: example.time,
      sent_at: example.time,
    },
  ],
  audit_events: [
    {
      type: 'user.registered',
      ip: example.ip,
      user_agent: example.userAgent,
      data: null,
      created_at: example.time,
    },
  ],
  modules: {},
}
