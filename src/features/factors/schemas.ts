import * as v from 'valibot'
import { line, named, time } from '../../platform/base/field-shapes.ts'
import { factorTypes } from '../../platform/catalog/factors.ts'

/** The name that a user gives a factor. */
export const factorName = line(100, 'The name of the factor, as the user writes it.')

export const factorReply = named('Factor', {
  id: v.pipe(v.string(), v.uuid()),
  type: v.picklist(factorTypes),
  name: v.string(),
  created_at: time,
  last_used_at: v.nullable(time),
  /** Of a passkey: whether the authenticator verified the user at the registration. */
  user_verifying: v.exactOptional(v.boolean()),
  /** Of a passkey: whether it is synchronised between devices. */
  backed_up: v.exactOptional(v.boolean()),
  /** Of a passkey: how browsers reach the authenticator. */
  transports: v.exactOptional(v.array(v.string())),
  /** Of a passkey: the model of the authenticator. */
  aaguid: v.exactOptional(v.nullable(v.string())),
  /** Of recovery codes: how many are unused. */
  remaining: v.exactOptional(v.pipe(v.number(), v.integer())),
})

/** Recovery codes, which are shown once. */
export const recoveryCodesReply = v.array(v.string())

/** A factor that was added. The first one brings recovery codes. */
export const addedFactorReply = v.object({
  factor: factorReply,
  recovery_codes: v.exactOptional(recoveryCodesReply),
})

export type FactorReply = v.InferOutput<typeof factorReply>
export type AddedFactorReply = v.InferOutput<typeof addedFactorReply>
