import * as v from 'valibot'
import { field, named } from '../../platform/base/field-shapes.ts'

/** A parameter of a form, as it was sent. The code that uses it refuses a wrong value. */
export const parameter = (description: string, maxLength = 4096) =>
  field('parameter', `must be at most ${maxLength} characters`, { description, maxLength }, text =>
    text.length <= maxLength ? text : null,
  )

/** The parameters by which a client may authenticate instead of HTTP Basic. Each form of `/oauth` has them. */
export const clientParameters = {
  client_id: v.exactOptional(parameter('The id of the client, if it does not use HTTP Basic.')),
  client_secret: v.exactOptional(parameter('The secret of the client, if it does not use HTTP Basic.')),
}

export const tokenParameters = v.object({
  grant_type: parameter('`client_credentials`.'),
  scope: v.exactOptional(
    parameter('Scopes of the client, separated by spaces. All of them, if it is absent.'),
  ),
  resource: v.exactOptional(parameter('The address of the service that the token is for (RFC 8707).', 2048)),
  audience: v.exactOptional(parameter('The same as `resource`, by the name that other routes use.', 2048)),
  ...clientParameters,
})

/** The reply of RFC 6749, section 5.1. */
export const machineTokenReply = named('MachineToken', {
  access_token: v.string(),
  token_type: v.literal('Bearer'),
  expires_in: v.pipe(v.number(), v.integer()),
  scope: v.string(),
})

export type MachineTokenReply = v.InferOutput<typeof machineTokenReply>
