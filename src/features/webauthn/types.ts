/** What an authenticator says about a new passkey. */
export type NewPasskey = {
  credentialId: string
  publicKey: Buffer
  signCount: number
  aaguid: string
  userVerified: boolean
  backupEligible: boolean
  backedUp: boolean
}
