import { randomBytes } from 'node:crypto'
import { decode, encode } from '../../platform/base/base64url.ts'
import { sha256 } from '../../platform/crypto/derive.ts'
import type { Ceremony } from '../webauthn/ceremony.ts'

// The token of a sign-in that waits for its second step: `lkm_` and 256 random bits. Redis knows its hash.

const prefix = 'lkm_'

/** The life of a token, in milliseconds. */
export const mfaTokenLife = 300_000

export const newMfaSecret = (): Buffer => randomBytes(32)

export const writeMfaToken = (secret: Uint8Array): string => prefix + encode(secret)

/** The secret of a token; null for any other text. */
export const readMfaToken = (text: string): Buffer | null => {
  const secret = text.startsWith(prefix) ? decode(text.slice(prefix.length)) : null
  return secret?.length === 32 ? secret : null
}

/** What the answer of a passkey to this sign-in belongs to. */
export const secondStepCeremony = (userId: string, secret: Uint8Array): Ceremony => ({
  name: 'second_step',
  userId,
  binding: encode(sha256(secret)),
})
