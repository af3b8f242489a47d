import { Redis } from 'ioredis'
import type { RedisConnection } from '../src/platform/redis/redis.ts'

// In a cluster, a command without a key covers one node only. So these functions query every master.

/** All servers that store keys: the single server, or the masters of a cluster. */
export const mastersOf = (redis: RedisConnection): Redis[] =>
  redis instanceof Redis ? [redis] : redis.nodes('master')

/** All keys that match a pattern, on every node. */
export const keysOf = async (redis: RedisConnection, pattern: string): Promise<string[]> =>
  (await Promise.all(mastersOf(redis).map(node => node.keys(pattern)))).flat()

/** Deletes keys on every node. */
export const dropKeys = async (redis: RedisConnection, keys: string[]): Promise<void> => {
  await Promise.all(keys.map(key => redis.del(key)))
}
