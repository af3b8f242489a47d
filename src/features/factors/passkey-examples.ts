import { example } from '../../platform/catalog/examples.ts'
import type {
  CreationOptions,
  NewPasskeyCredential,
  PasskeyCredential,
  RequestOptions,
} from '../webauthn/schemas.ts'
import type { FactorReply } from './schemas.ts'

const id = 'PgDYadPaEV0sKdC-dzsf_RKhjacXvm3S_WzObk1KMKU'

export const creationOptionsExample: CreationOptions = {
  challenge: 'kq0Y1dR5mT0gk4dQGJ8v0nHnq7p1Tj3b1m0m6r7yQ3c',
  rp: { id: 'example.com', name: 'Latchkey' },
  user: { id: 'AZpffnowfE6dCz8fbx0sSw', name: example.email, displayName: example.fullName },
  pubKeyCredParams: [
    { type: 'public-key', alg: -8 },
    { type: 'public-key', alg: -7 },
    { type: 'public-key', alg: -257 },
  ],
  timeout: 300_000,
  excludeCredentials: [],
  authenticatorSelection: {
    residentKey: 'required',
    requireResidentKey: true,
    userVerification: 'preferred',
  },
  attestation: 'none',
}

export const newPasskeyExample: NewPasskeyCredential = {
  ...{ id, rawId: id, type: 'public-key' },
  response: {
    clientDataJSON:
      'eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoia3EwWTFkUjVtVDBnazRkUUdKOHYwbkhucTdwMVRqM2IxbTBtNnI3eVEzYyIsIm9yaWdpbiI6Imh0dHBzOi8vYXBwLmV4YW1wbGUuY29tIiwiY3Jvc3NPcmlnaW4iOmZhbHNlfQ',
    attestationObject:
      'o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YViBo3mm9u6vuaVeN4wRgDTidR5oL6ufLTCrE9ISVYbOGUdFAAAAAAAAAAAAAAAAAAAAAAAAAAAAID4A2GnT2hFdLCnQvnc7H_0SoY2nF75t0v1szm5NSjClpAEBAycgBiFYIL_68SAcCUVZjeincM6jLcwb3bjFE0rHT7OVklF7L2KM',
    transports: ['internal', 'hybrid'],
  },
}

export const requestOptionsExample: RequestOptions = {
  challenge: 'Qm3sT8pZ1vXn4yK7wL2eR9uH6jB5cD0aFgIoPqStUvw',
  rpId: 'example.com',
  timeout: 300_000,
  allowCredentials: [],
  userVerification: 'preferred',
}

export const passkeyExample: PasskeyCredential = {
  ...{ id, rawId: id, type: 'public-key' },
  response: {
    clientDataJSON:
      'eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiUW0zc1Q4cFoxdlhuNHlLN3dMMmVSOXVINmpCNWNEMGFGZ0lvUHFTdFV2dyIsIm9yaWdpbiI6Imh0dHBzOi8vYXBwLmV4YW1wbGUuY29tIiwiY3Jvc3NPcmlnaW4iOmZhbHNlfQ',
    authenticatorData: 'o3mm9u6vuaVeN4wRgDTidR5oL6ufLTCrE9ISVYbOGUcFAAAAAA',
    signature: 'An-yuxc5OSBsMmNl1nDkTrO_PdWpfialzeuTdG2vVhiqsE09_Z4ZRQ7GwkSV_8S0GtFn9Cd6zwTcnt0hNBmjDQ',
    userHandle: 'AZpffnowfE6dCz8fbx0sSw',
  },
}

export const passkeyFactorExample: FactorReply = {
  id: '019a5f86-53b0-7a91-8c1f-27d4e6b80a95',
  type: 'passkey',
  name: 'Laptop',
  created_at: example.time,
  last_used_at: null,
  user_verifying: true,
  backed_up: false,
  transports: ['internal', 'hybrid'],
  aaguid: '00000000-0000-0000-0000-000000000000',
}
