import { encode } from '../../platform/base/base64url.ts'
import { sha256 } from '../../platform/crypto/derive.ts'
import { challengeToken } from '../challenges/challenge-token.ts'
import type { Ceremony } from '../webauthn/ceremony.ts'

/** The token of a sign-in that waits for its second step. */
export const mfaTokens = challengeToken('lkm_')

/** The life of a token, in milliseconds. */
export const mfaTokenLife = 300_000

/** What the answer of a passkey to this sign-in belongs to. */
export const secondStepCeremony = (userId: string, secret: Uint8Array): Ceremony => ({
  name: 'second_step',
  userId,
  binding: encode(sha256(secret)),
})
