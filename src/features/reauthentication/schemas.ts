import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { evidenceForms } from '../factors/evidence.ts'
import { tokenReply } from '../sessions/schemas.ts'

const audience = { audience: v.exactOptional(field.audience) }

/** Exactly one kind of evidence. */
export const reauthenticationBody = v.union([
  v.strictObject({ password: field.password, ...audience }),
  ...evidenceForms(audience),
])

const { access_token, token_type, expires_in } = tokenReply.entries

export const reauthenticationReply = v.object({ access_token, token_type, expires_in })
