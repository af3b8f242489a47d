import type { World } from '../../world.ts'

/** Every row of every table, as JSON. */
export const readPostgres = async (
  world: Pick<World, 'env' | 'keysLike' | 'redis' | 'sql'>,
): Promise<{ table: string; row: Record<string, unknown> }[]> => {
  const tables = await world.sql<{ name: string }>(
    `SELECT quote_ident(table_name) AS name FROM information_schema.tables WHERE table_schema = 'public'`,
  )
  const found = []
  for (const { name } of tables)
    for (const { row } of await world.sql<{ row: Record<string, unknown> }>(
      `SELECT to_jsonb(t) AS row FROM ${name} t`,
    ))
      found.push({ table: name, row })
  return found
}

const contentOf = async (redis: World['redis'], key: string): Promise<unknown> => {
  switch (await redis.type(key)) {
    case 'string':
      return redis.get(key)
    case 'hash':
      return redis.hgetall(key)
    case 'list':
      return redis.lrange(key, 0, -1)
    case 'set':
      return redis.smembers(key)
    case 'zset':
      return redis.zrange(key, 0, -1, 'WITHSCORES')
    case 'stream':
      return redis.xrange(key, '-', '+')
    default:
      return null
  }
}

/** Every Redis key of this world and its value, sorted by key because the order of a scan varies. */
export const readRedis = async (
  world: Pick<World, 'env' | 'keysLike' | 'redis' | 'sql'>,
): Promise<{ key: string; value: unknown }[]> => {
  const found = []
  for (const key of (await world.keysLike(`*${world.env.REDIS_PREFIX}*`)).sort())
    found.push({ key, value: await contentOf(world.redis, key) })
  return found
}
