import { decode } from '../../platform/base/base64url.ts'
import type { Amr } from '../sessions/authentication.ts'

/**
 * What an authenticator is asked for. `userId` is null where the passkey itself says who signs in. `binding` ties the answer
 * to a session or to a sign-in that waits for its second step; it is empty for a sign-in by passkey alone.
 */
export type Ceremony = {
  name: 'register' | 'sign_in' | 'second_step' | 'reauthenticate'
  userId: string | null
  binding: string
}

/** The ceremony of a sign-in that names no user: the passkey does. */
export const signInCeremony: Ceremony = { name: 'sign_in', userId: null, binding: '' }

/** The life of a challenge, and the time that a browser gives the user, in milliseconds. */
export const ceremonyLife = 300_000

/** The algorithms of public keys (COSE): EdDSA, ES256 and RS256. The one that browsers should prefer comes first. */
export const passkeyAlgorithms = [-8, -7, -257]

/** The user handle that an authenticator stores with a passkey: the 16 bytes of the id. */
export const userHandle = (userId: string): Buffer => Buffer.from(userId.replaceAll('-', ''), 'hex')

/** How a passkey authenticates: a key in hardware or one that is synchronised, the presence of the user, and their check. */
export const passkeyAmr = (is: { backupEligible: boolean; userVerified: boolean }): Amr[] => [
  is.backupEligible ? 'swk' : 'hwk',
  'user',
  ...(is.userVerified ? ['mfa' as const] : []),
]

/**
 * Reads what the browser says about a ceremony (`clientDataJSON`). Null without a challenge of the form of ours. `isFramed`:
 * the page was in a frame of another origin, which could cover it with a page of its own.
 */
export const readClientData = (text: string): { challenge: string; isFramed: boolean } | null => {
  try {
    const data: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    const { challenge, crossOrigin, topOrigin } = data as Record<string, unknown>
    if (typeof challenge !== 'string' || decode(challenge)?.length !== 32) return null
    return { challenge, isFramed: crossOrigin === true || topOrigin !== undefined }
  } catch {
    return null
  }
}
