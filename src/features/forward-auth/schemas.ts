import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { scopeText } from '../clients/schemas.ts'

/** What a proxy demands of a caller, besides a valid token. An empty value is refused: it would demand nothing. */
export const conditionsQuery = v.strictObject({
  role: v.exactOptional(v.picklist(['user', 'admin'])),
  verified: v.exactOptional(v.literal('true')),
  scope: v.exactOptional(scopeText),
  audience: v.exactOptional(field.audience),
})

export type Conditions = v.InferOutput<typeof conditionsQuery>
