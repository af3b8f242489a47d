import type { PreparedReads, Statement } from '../../platform/postgres/prepared-read.ts'
import type { Factor } from './types.ts'

const live = `type = 'passkey' AND confirmed_at IS NOT NULL AND removed_at IS NULL`

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
