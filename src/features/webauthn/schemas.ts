import * as v from 'valibot'
import { field, named, pattern } from '../../platform/base/field-shapes.ts'
import {
  descriptor,
  milliseconds,
  type requestOptions,
} from '../../platform/catalog/passkey-request-options.ts'

// The JSON of WebAuthn Level 3, section 5.1: what `toJSON()` of a credential returns, and what `parseCreationOptionsFromJSON`
// and `parseRequestOptionsFromJSON` take. Its names are in camel case.
//
// Browsers send members that are not needed here, and new versions send more. So unknown members are dropped.

const base64url = (max: number, description: string) =>
  field(
    'base64url',
    `must be base64url without padding, of at most ${max} characters`,
    { description, minLength: 1, maxLength: max, pattern: '^[A-Za-z0-9_-]+$' },
    text => (text.length <= max && /^[A-Za-z0-9_-]+$/.test(text) ? text : null),
  )

/** A credential id has at most 1023 bytes. */
const credentialId = base64url(1364, 'The id of the credential.')
const clientDataJSON = base64url(4096, 'What the browser says about the page and the challenge.')
const transport = pattern(
  'transport',
  'must be a transport such as internal, hybrid, usb, nfc or ble',
  'How the browser reaches the authenticator.',
  /^[a-z][a-z-]{0,31}$/,
)

const credentialOf = <const E extends v.ObjectEntries>(name: string, response: E) =>
  named(name, {
    id: credentialId,
    rawId: credentialId,
    type: v.literal('public-key'),
    response: named(`${name}Response`, response),
  })

/** The answer to creation options: `RegistrationResponseJSON`. */
export const newPasskeyCredential = credentialOf('NewPasskeyCredential', {
  clientDataJSON,
  attestationObject: base64url(8192, 'The new public key and the data of the authenticator, in CBOR.'),
  transports: v.nullish(v.pipe(v.array(transport), v.maxLength(16))),
})

/** The answer to request options: `AuthenticationResponseJSON`. */
export const passkeyCredential = credentialOf('PasskeyCredential', {
  clientDataJSON,
  authenticatorData: base64url(2048, 'The data of the authenticator, which it signs.'),
  signature: base64url(2048, 'The signature of the authenticator.'),
  // Some password managers send an empty text where they have none.
  userHandle: v.nullish(
    v.union([v.literal(''), base64url(86, 'The user id that the passkey was made for.')]),
  ),
})

export type NewPasskeyCredential = v.InferOutput<typeof newPasskeyCredential>
export type PasskeyCredential = v.InferOutput<typeof passkeyCredential>

/** `PublicKeyCredentialCreationOptionsJSON`, for `PublicKeyCredential.parseCreationOptionsFromJSON`. */
export const creationOptions = named('PasskeyCreationOptions', {
  challenge: v.string(),
  rp: named('PasskeyRelyingParty', { id: v.string(), name: v.string() }),
  user: named('PasskeyUser', { id: v.string(), name: v.string(), displayName: v.string() }),
  pubKeyCredParams: v.array(
    named('PasskeyAlgorithm', { type: v.literal('public-key'), alg: v.pipe(v.number(), v.integer()) }),
  ),
  timeout: milliseconds,
  excludeCredentials: v.array(descriptor),
  authenticatorSelection: named('PasskeySelection', {
    residentKey: v.literal('required'),
    requireResidentKey: v.literal(true),
    userVerification: v.literal('preferred'),
  }),
  attestation: v.literal('none'),
})

export type CreationOptions = v.InferOutput<typeof creationOptions>
export type RequestOptions = v.InferOutput<typeof requestOptions>
