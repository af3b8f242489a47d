import type { Config } from '../../platform/config/config.ts'
import { passkeyOrigins, relyingPartyId } from '../../platform/config/relying-party.ts'
import { passkeyAlgorithms } from './ceremony.ts'
import { isUsableKey } from './is-usable-key.ts'
import type { NewPasskeyCredential } from './schemas.ts'
import type { NewPasskey } from './types.ts'

/** A public key of RSA with 4096 bits has about 530 bytes. */
const maxKeyBytes = 1024

/**
 * Verifies the answer of an authenticator that made a passkey (WebAuthn Level 3, section 7.1), or returns null. The library
 * throws for every answer that is malformed or belongs to another page.
 */
export const verifyNewPasskey = async (
  config: Config,
  challenge: string,
  { id, rawId, type, response }: NewPasskeyCredential,
): Promise<NewPasskey | null> => {
  const { verifyRegistrationResponse } = await import('@simplewebauthn/server')
  const attestationObject = await withoutAttestation(response.attestationObject)
  if (attestationObject === null) return null
  const { clientDataJSON } = response
  const found = await verifyRegistrationResponse({
    response: {
      ...{ id, rawId, type },
      response: { clientDataJSON, attestationObject },
      clientExtensionResults: {},
    },
    expectedChallenge: challenge,
    expectedOrigin: passkeyOrigins(config),
    expectedRPID: relyingPartyId(config),
    requireUserVerification: false,
    supportedAlgorithmIDs: passkeyAlgorithms,
  }).catch(() => null)
  if (!found?.verified) return null
  const { credential, aaguid, userVerified, credentialDeviceType, credentialBackedUp } =
    found.registrationInfo
  const { decodeCredentialPublicKey } = await import('@simplewebauthn/server/helpers')
  if (credential.id !== id || credential.publicKey.length > maxKeyBytes) return null
  if (!isUsableKey(decodeCredentialPublicKey(credential.publicKey))) return null
  return {
    credentialId: id,
    publicKey: Buffer.from(credential.publicKey),
    signCount: credential.counter,
    aaguid,
    userVerified,
    backupEligible: credentialDeviceType === 'multiDevice',
    backedUp: credentialBackedUp,
  }
}

// The options ask for no attestation, so a statement about the model of the authenticator is not checked, as the standard
// allows. The library would check it: for some formats it fetches the address of a revocation list in a certificate, which
// an attacker could point at a server of our network.
const withoutAttestation = async (text: string): Promise<string | null> => {
  const { decodeAttestationObject, isoBase64URL, isoCBOR } = await import('@simplewebauthn/server/helpers')
  try {
    const authData = decodeAttestationObject(isoBase64URL.toBuffer(text)).get('authData')
    const plain = new Map<string, string | Uint8Array | Map<string, string>>([
      ['fmt', 'none'],
      ['attStmt', new Map()],
      ['authData', authData],
    ])
    return isoBase64URL.fromBuffer(isoCBOR.encode(plain))
  } catch {
    return null
  }
}
