import * as v from 'valibot'
import { named, time } from '../../platform/base/field-shapes.ts'
import * as field from '../../platform/base/fields.ts'
import { factorReply } from '../factors/schemas.ts'
import { liveSessionReply } from '../sessions/schemas.ts'
import { userReply } from '../users/schemas.ts'

/** The reply of `GET /auth/me/export`. `modules` holds the rows of application modules, by the name of the module. */
export const exportReply = named('AccountExport', {
  user: userReply,
  sessions: v.array(liveSessionReply),
  factors: v.array(factorReply),
  emails: v.array(
    v.object({
      kind: v.string(),
      recipient: v.string(),
      status: v.nullable(v.string()),
      created_at: time,
      sent_at: v.nullable(time),
    }),
  ),
  audit_events: v.array(
    v.object({
      type: v.string(),
      ip: v.nullable(v.string()),
      user_agent: v.nullable(v.string()),
      data: v.nullable(v.record(v.string(), v.unknown())),
      created_at: time,
    }),
  ),
  modules: v.record(v.string(), v.array(v.record(v.string(), v.unknown()))),
})

/** The fields of a profile that a registration may set. */
export const profileEntries = {
  full_name: v.exactOptional(v.nullable(field.fullName)),
  phone: v.exactOptional(v.nullable(field.phone)),
  address: v.exactOptional(v.nullable(field.address)),
  preferred_language: v.exactOptional(v.nullable(field.languageTag)),
}
