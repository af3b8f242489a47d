import { Redis } from 'ioredis'
import type { RedisConnection } from '../src/platform/redis/redis.ts'

// In a cluster, a command without a key covers one node only. So these functions query every master.

/** All servers that store keys: the single server, or the masters of a cluster. */
export const mastersOf = (redis: RedisConnection): Redis[] =>
  redis instanceof Redis ? [redis] : redis.nodes('master')

/**
 * The keys with this prefix that match a pattern, on every node. Worlds share a server: a pattern alone would find the keys of
 * other worlds too, and a test that deletes them would make tests of other files fail.
 */
export const keysOf = async (redis: RedisConnection, prefix: string, pattern: string): Promise<string[]> => {
  const found = await Promise.all(mastersOf(redis).map(node => node.keys(pattern)))
  return found.flat().filter(key => key.startsWith(`${prefix}:`) || key.startsWith(`{${prefix}}`))
}

/** Deletes keys on every node. */
export const dropKeys = async (redis: RedisConnection, keys: string[]): Promise<void> => {
  await Promise.all(keys.map(key => redis.del(key)))
}
