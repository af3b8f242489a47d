import * as v from 'valibot'
import { named, time } from '../../platform/base/field-shapes.ts'

/** A stored address. The email rule of valibot would reject IDN domains and some valid characters. */
export const emailReply = v.pipe(v.string(), v.metadata({ format: 'email' }))

/** The reply to a request that verified an address. */
export const verifiedReply = v.object({ email: emailReply, email_verified: v.literal(true) })

/** A user in a reply. */
export const userReply = named('User', {
  id: v.pipe(v.string(), v.uuid()),
  email: emailReply,
  email_verified: v.boolean(),
  full_name: v.nullable(v.string()),
  phone: v.nullable(v.string()),
  address: v.nullable(v.string()),
  preferred_language: v.nullable(v.string()),
  picture_url: v.nullable(v.string()),
  roles: v.array(v.picklist(['user', 'admin'])),
  is_active: v.boolean(),
  mfa_enabled: v.boolean(),
  last_login_at: v.nullable(time),
  last_password_change_at: v.nullable(time),
  created_at: time,
  updated_at: time,
})

export type UserReply = v.InferOutput<typeof userReply>
