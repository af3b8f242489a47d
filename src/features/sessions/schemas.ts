import * as v from 'valibot'
import { named, time } from '../../platform/base/field-shapes.ts'
import { userReply } from '../users/schemas.ts'

/** Tokens of a session (RFC 6749, section 5.1). Times in seconds. */
export const tokenReply = named('Tokens', {
  access_token: v.string(),
  token_type: v.literal('Bearer'),
  expires_in: v.pipe(v.number(), v.integer()),
  /** Absent where the token is in a cookie. */
  refresh_token: v.optional(v.string()),
  refresh_expires_in: v.pipe(v.number(), v.integer()),
  session_id: v.pipe(v.string(), v.uuid()),
})

export const sessionReply = named('SessionTokens', { ...tokenReply.entries, user: userReply })

export type TokenReply = v.InferOutput<typeof tokenReply>
export type SessionReply = v.InferOutput<typeof sessionReply>

export const liveSessionReply = named('Session', {
  id: v.string(),
  created_at: time,
  last_used_at: time,
  expires_at: time,
  ip: v.string(),
  user_agent: v.string(),
  browser: v.nullable(v.string()),
  system: v.nullable(v.string()),
  current: v.boolean(),
  /** Present only on a session that began before the address was verified. Another person may have registered the address. */
  created_before_verification: v.exactOptional(v.literal(true)),
})
