import type { EntityManager } from 'typeorm'
import type { FactorType } from '../../platform/catalog/factors.ts'
import type { Amr } from '../sessions/authentication.ts'

/** A row of `factors`. Which columns are set depends on its type. */
export type Factor = {
  id: string
  user_id: string
  type: FactorType
  name: string
  /** The seed of a TOTP factor, or the key of the hashes of recovery codes, sealed with the id of the row. */
  sealed_secret: string | null
  /** The latest accepted time step of a TOTP factor. pg returns a bigint as text. */
  last_step: string | null
  /** The WebAuthn credential: id and COSE public key as base64url, signature counter, transports, model (AAGUID). */
  credential_id: string | null
  public_key: string | null
  sign_count: string | null
  transports: string[] | null
  aaguid: string | null
  /** Whether the authenticator verified the user at the registration of a passkey, by PIN or biometrics. */
  user_verifying: boolean | null
  /** Whether the authenticator can synchronise the passkey between devices. It never changes. */
  backup_eligible: boolean | null
  /** Whether the passkey is synchronised between devices. */
  backed_up: boolean | null
  created_at: Date
  /** Null while a TOTP factor waits for its first code. Such a factor gates nothing. */
  confirmed_at: Date | null
  last_used_at: Date | null
  /** A removed factor can be restored for seven days by the link of the email about it. */
  removed_at: Date | null
}

/** A row of `recovery_codes`. */
export type RecoveryCode = { factor_id: string; hash: string; used_at: Date | null }

/**
 * Evidence that was right. `consume` uses it up in the transaction of what it allows, and returns the ids of the emails that
 * it queues. It returns null if another request has used it up.
 */
export type Accepted = {
  factorId: string
  amr: readonly Amr[]
  consume: (manager: EntityManager) => Promise<readonly string[] | null>
}
