import { Redis } from 'ioredis'
import type { RedisConnection } from '../src/platform/redis/redis.ts'

// A cluster answers about one node alone where no key is named.

/** Every server that keeps keys: the single one, or the masters of a cluster. */
export const mastersOf = (redis: RedisConnection): Redis[] =>
  redis instanceof Redis ? [redis] : redis.nodes('master')

/** Every key that a pattern matches, wherever it is. */
export const keysOf = async (redis: RedisConnection, pattern: string): Promise<string[]> =>
  (await Promise.all(mastersOf(redis).map(node => node.keys(pattern)))).flat()

/** Deletes keys, wherever they are. */
export const dropKeys = async (redis: RedisConnection, keys: string[]): Promise<void> => {
  await Promise.all(keys.map(key => redis.del(key)))
}
