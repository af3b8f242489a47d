import type { Config } from '../../platform/config/config.ts'
import { passkeyOrigins, relyingPartyId } from '../../platform/config/relying-party.ts'
import type { PasskeyCredential } from './schemas.ts'

type Assertion = {
  challenge: string
  /** The stored passkey. The public key is base64url. */
  passkey: { public_key: string; backup_eligible: boolean | null }
  credential: PasskeyCredential
}

/** What an authenticator has signed. */
type Verified = { userVerified: boolean; backupEligible: boolean; backedUp: boolean; signCount: number }

/**
 * Verifies the answer of an authenticator by the public key of a passkey (WebAuthn Level 3, section 7.2), or returns null. The
 * library throws for every answer that is malformed or belongs to another page.
 */
export const verifyAssertion = async (
  config: Config,
  { challenge, passkey, credential: { id, rawId, type, response } }: Assertion,
): Promise<Verified | null> => {
  const { verifyAuthenticationResponse } = await import('@simplewebauthn/server')
  const { clientDataJSON, authenticatorData, signature } = response
  const found = await verifyAuthenticationResponse({
    response: {
      ...{ id, rawId, type },
      response: { clientDataJSON, authenticatorData, signature },
      clientExtensionResults: {},
    },
    expectedChallenge: challenge,
    expectedOrigin: passkeyOrigins(config),
    expectedRPID: relyingPartyId(config),
    // The library refuses a counter that goes back. It is only a signal here, so the library does not learn the last one.
    credential: { id, publicKey: new Uint8Array(Buffer.from(passkey.public_key, 'base64url')), counter: 0 },
    requireUserVerification: false,
  }).catch(() => null)
  if (!found?.verified) return null
  const { userVerified, credentialDeviceType, credentialBackedUp, newCounter } = found.authenticationInfo
  const backupEligible = credentialDeviceType === 'multiDevice'
  // An authenticator never changes whether a passkey can be synchronised.
  if (backupEligible !== passkey.backup_eligible) return null
  return { userVerified, backupEligible, backedUp: credentialBackedUp, signCount: newCounter }
}
