import type { EntityManager } from 'typeorm'
import type { PreparedReads, Statement } from '../../platform/postgres/prepared-read.ts'
import type { NewPasskey } from '../webauthn/types.ts'
import { liveOnly } from './factor-store.ts'
import type { Factor } from './types.ts'

/** How many passkeys a user may have. */
export const maxPasskeys = 20

const live = `type = 'passkey' AND ${liveOnly}`

/** A passkey that was not removed. */
export type Passkey = Pick<
  Factor,
  'id' | 'user_id' | 'credential_id' | 'public_key' | 'sign_count' | 'transports' | 'backup_eligible'
> & { credential_id: string; public_key: string }

const columns = 'id, user_id, credential_id, public_key, sign_count, transports, backup_eligible'

const byCredential: Statement = {
  name: 'passkey-by-credential',
  text: `SELECT ${columns} FROM factors WHERE credential_id = $1 AND ${live}`,
}

const ofUser: Statement = {
  name: 'passkeys-of-user',
  text: `SELECT ${columns} FROM factors WHERE user_id = $1 AND ${live} ORDER BY created_at, id`,
}

/** The passkey with this credential id, or null. */
export const findPasskey = async (reads: PreparedReads, credentialId: string): Promise<Passkey | null> =>
  (await reads.run<Passkey>(byCredential, [credentialId]))[0] ?? null

/** The passkeys of a user, the oldest first. */
export const findPasskeys = (reads: PreparedReads, userId: string): Promise<Passkey[]> =>
  reads.run<Passkey>(ofUser, [userId])

/** The columns of a new passkey. */
export type PasskeyValues = Pick<Factor, 'id' | 'user_id' | 'name' | 'transports'> & NewPasskey

/**
 * Stores a passkey, or returns null if its credential belongs to one already, of any user. An authenticator gives each passkey a
 * new id.
 *
 * A removed one counts too. Otherwise a thief who removed it could take its id, also in the account of its owner, who could then
 * not restore it.
 */
export const insertPasskey = async (manager: EntityManager, made: PasskeyValues): Promise<Factor | null> => {
  const [row] = await manager.query(
    `INSERT INTO factors (id, user_id, type, name, credential_id, public_key, sign_count, transports, aaguid,
        user_verifying, backup_eligible, backed_up, confirmed_at)
      SELECT $1, $2, 'passkey', $3, $4, $5, $6, $7, $8, $9, $10, $11, clock_timestamp()
       WHERE NOT EXISTS (
         SELECT FROM factors WHERE credential_id = $4 AND removed_at IS NOT NULL)
      ON CONFLICT (credential_id) WHERE removed_at IS NULL DO NOTHING RETURNING *`,
    [
      ...[made.id, made.user_id, made.name, made.credentialId, made.publicKey.toString('base64url')],
      ...[made.signCount, made.transports, made.aaguid],
      ...[made.userVerified, made.backupEligible, made.backedUp],
    ],
  )
  return row ?? null
}

/** Stores the use of a passkey. Returns false if it was removed since it was read. */
export const usePasskey = async (
  manager: EntityManager,
  id: string,
  { signCount, backedUp }: { signCount: number; backedUp: boolean },
): Promise<boolean> => {
  const [, used] = (await manager.query(
    `UPDATE factors SET sign_count = $2, backed_up = $3, last_used_at = clock_timestamp()
      WHERE id = $1 AND ${live}`,
    [id, signCount, backedUp],
  )) as [unknown, number]
  return used === 1
}
