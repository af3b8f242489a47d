import * as v from 'valibot'
import { named } from '../../platform/base/field-shapes.ts'

const seconds = v.pipe(v.number(), v.integer())

/** RFC 7662, section 2.2. A token that is not active has no other member. Times are seconds since 1970. */
export const introspectionReply = named('Introspection', {
  active: v.boolean(),
  /** `Bearer` for an access token. A refresh token has `refresh_token`: no service may accept it from a caller. */
  token_type: v.exactOptional(v.picklist(['Bearer', 'refresh_token'])),
  iss: v.exactOptional(v.string()),
  aud: v.exactOptional(v.string()),
  sub: v.exactOptional(v.string()),
  iat: v.exactOptional(seconds),
  exp: v.exactOptional(seconds),
  client_id: v.exactOptional(v.string()),
  scope: v.exactOptional(v.string()),
  sid: v.exactOptional(v.string()),
  username: v.exactOptional(v.string()),
  email: v.exactOptional(v.string()),
  email_verified: v.exactOptional(v.boolean()),
  roles: v.exactOptional(v.array(v.string())),
  amr: v.exactOptional(v.array(v.string())),
  acr: v.exactOptional(v.string()),
  auth_time: v.exactOptional(seconds),
})

export type Introspection = v.InferInput<typeof introspectionReply>
