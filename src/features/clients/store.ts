import type { Database } from '../../platform/postgres/postgres.ts'
import type { PreparedReads, Statement } from '../../platform/postgres/prepared-read.ts'
import type { Keys } from '../../platform/redis/keys.ts'
import type { RedisConnection } from '../../platform/redis/redis.ts'
import type { Client } from './types.ts'

const byId: Statement = {
  name: 'client-by-id',
  text: `SELECT id, name, scopes, created_at, last_used_at, revoked_at,
      ARRAY(SELECT hash FROM client_secrets WHERE client_id = clients.id ORDER BY created_at) AS hashes
    FROM clients WHERE id = $1`,
}

/** The client with this id, also a revoked one, with the hashes of its live secrets; or null. */
export const findClient = async (
  reads: PreparedReads,
  id: string,
): Promise<(Client & { hashes: string[] }) | null> =>
  (await reads.run<Client & { hashes: string[] }>(byId, [id]))[0] ?? null

/**
 * Notes that a client was used in this minute, unless that is noted. Parallel requests do not wait for each other: those
 * that find the row locked leave it to the request that locked it.
 */
export const noteClientUse = async (database: Database, id: string, minute: Date): Promise<void> => {
  await database.query(
    `UPDATE clients SET last_used_at = $2 WHERE id = (SELECT id FROM clients
      WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2) FOR UPDATE SKIP LOCKED)`,
    [id, minute],
  )
}

type KnownSecrets = { redis: RedisConnection; keys: Keys }

const day = 86_400_000

/** How long a secret counts as known after it was made or first used. */
const knownFor = 400 * day

/** Whether this secret was right for this client before. Redis holds a part of the hash only. */
export const isKnownSecret = async ({ redis, keys }: KnownSecrets, id: string, hash: string) =>
  (await redis.exists(keys.knownSecret(id, hash.slice(0, 22)))) === 1

/** Remembers a secret that is right, so that its later uses are not counted with the guesses of others. */
export const rememberSecret = async ({ redis, keys }: KnownSecrets, id: string, hash: string) => {
  await redis.set(keys.knownSecret(id, hash.slice(0, 22)), 1, 'PX', knownFor)
}

/** Forgets a secret that was dropped. */
export const forgetSecret = async ({ redis, keys }: KnownSecrets, id: string, hash: string) => {
  await redis.del(keys.knownSecret(id, hash.slice(0, 22)))
}
