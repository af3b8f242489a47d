import * as v from 'valibot'
import { pattern } from '../../platform/base/field-shapes.ts'
import * as field from '../../platform/base/fields.ts'

// RFC 6749, section 3.3.
const scopeToken = '[!#-\\[\\]-~]+'
const scopeList = new RegExp(`^${scopeToken}(?: ${scopeToken})*$`)

/** What a proxy demands of a caller, besides a valid token. An empty value is refused: it would demand nothing. */
export const conditionsQuery = v.strictObject({
  role: v.exactOptional(v.picklist(['user', 'admin'])),
  verified: v.exactOptional(v.literal('true')),
  scope: v.exactOptional(
    pattern(
      'scope',
      'must be one or more scopes, separated by spaces',
      'Scopes of a machine client.',
      scopeList,
    ),
  ),
  audience: v.exactOptional(field.audience),
})

export type Conditions = v.InferOutput<typeof conditionsQuery>
