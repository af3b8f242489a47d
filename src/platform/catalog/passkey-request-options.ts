import * as v from 'valibot'
import { named } from '../base/field-shapes.ts'

// The request for a passkey is also part of the problem `MFA_REQUIRED`.

/** A passkey that a request names. */
export const descriptor = named('PasskeyDescriptor', {
  id: v.string(),
  type: v.literal('public-key'),
  transports: v.exactOptional(v.array(v.string())),
})

export const milliseconds = v.pipe(v.number(), v.integer())

/** `PublicKeyCredentialRequestOptionsJSON`, for `PublicKeyCredential.parseRequestOptionsFromJSON`. */
export const requestOptions = named('PasskeyRequestOptions', {
  challenge: v.string(),
  rpId: v.string(),
  timeout: milliseconds,
  allowCredentials: v.array(descriptor),
  userVerification: v.literal('preferred'),
})
