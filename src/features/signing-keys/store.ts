import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import type { PreparedReads, Statement } from '../../platform/postgres/prepared-read.ts'
import { type SigningKeyRow, SigningKeys } from './entity.ts'
import type { KeyState } from './types.ts'

/** A change of the keys. It is logged after the commit. */
export type KeyChange = { message: string; kid: string; at: Date }

/** The keys under the lock that all changes take. `now` is the time of Postgres. */
export type KeyTransaction = {
  manager: EntityManager
  now: Date
  keys: readonly KeyState[]
  changes: KeyChange[]
}

const published: Statement = {
  name: 'published-signing-keys',
  text: `SELECT kid, public_key, status, not_before, not_after, created_at, token_life,
      CASE WHEN status = 'signing' THEN sealed_secret END AS sealed_secret
    FROM signing_keys WHERE status <> 'retired' ORDER BY created_at, kid`,
}

/** The keys that are not retired, oldest first. Only the key that signs comes with its sealed secret. */
export const readPublishedKeys = (reads: PreparedReads): Promise<SigningKeyRow[]> =>
  reads.run<SigningKeyRow>(published, [])

const states = `SELECT kid, public_key, status, not_before, not_after, created_at, token_life
  FROM signing_keys ORDER BY created_at, kid`

/** Every key without its secret, oldest first, and the time of Postgres. `shift` is the one of the clock. */
export const readKeyStates = async (
  runner: Pick<EntityManager, 'query'>,
  { shift }: Deps['clock'],
): Promise<{ keys: KeyState[]; now: Date }> => {
  const keys: KeyState[] = await runner.query(states)
  // The time at which a transaction began would be earlier than changes that it waited for.
  const time = `SELECT clock_timestamp() + $1 * interval '1 millisecond' AS now`
  const [row]: { now: Date }[] = await runner.query(time, [shift])
  if (!row) throw new Error('Postgres did not tell the time.')
  return { keys, now: row.now }
}

/** Waits until no other transaction changes the keys. The lock ends with the transaction. */
export const lockKeys = async (manager: EntityManager): Promise<void> => {
  await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('latchkey signing keys', 0))`)
}

/** Adds a published key. */
export const insertKey = async (
  { manager, now }: KeyTransaction,
  key: { kid: string; public_key: string; sealed_secret: string; not_before: Date },
): Promise<void> => {
  await manager.getRepository(SigningKeys).insert({ ...key, status: 'published', created_at: now })
}

/** Lets a published key sign, and the key that signed until now retire at `oldNotAfter`. */
export const setSigningKey = async (
  { manager, now }: KeyTransaction,
  { kid, oldNotAfter }: { kid: string; oldNotAfter: Date },
): Promise<void> => {
  await manager.query(
    `UPDATE signing_keys SET status = 'retiring', not_after = $1 WHERE status = 'signing'`,
    [oldNotAfter],
  )
  await manager.query(`UPDATE signing_keys SET status = 'signing', not_before = $2 WHERE kid = $1`, [
    kid,
    now,
  ])
}

/** Retires a key and erases its secret. Its row stays. */
export const setRetired = async ({ manager, now }: KeyTransaction, kid: string): Promise<void> => {
  await manager.query(
    `UPDATE signing_keys SET status = 'retired', sealed_secret = NULL, not_after = $2 WHERE kid = $1`,
    [kid, now],
  )
}

/** Changes the dates of a key. */
export const setKeyDates = async (
  { manager }: KeyTransaction,
  { kid, not_before, not_after }: Pick<KeyState, 'kid' | 'not_before' | 'not_after'>,
): Promise<void> => {
  await manager.query(`UPDATE signing_keys SET not_before = $2, not_after = $3 WHERE kid = $1`, [
    kid,
    not_before,
    not_after,
  ])
}

/** Records that tokens of this life, in seconds, are signed with the current key and the next one. */
export const raiseTokenLife = async (
  { database }: Pick<Deps, 'database'>,
  seconds: number,
): Promise<void> => {
  await database.query(
    `UPDATE signing_keys SET token_life = $1 WHERE status IN ('published', 'signing') AND token_life < $1`,
    [seconds],
  )
}
