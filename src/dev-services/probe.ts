import { Redis } from 'ioredis'
import pg from 'pg'

/** Runs one statement on a connection of its own and returns the rows. */
export const queryOnce = async (url: string, sql: string): Promise<unknown[]> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query(sql)).rows
  } finally {
    await client.end().catch(() => {})
  }
}

/** Throws unless the Postgres at `url` lets us in. */
export const probePostgres = async (url: string): Promise<void> => {
  await queryOnce(url, 'SELECT 1')
}

/** Throws unless the Redis at `url` lets us in and has its data loaded. */
export const probeRedis = async (url: string): Promise<void> => {
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: 3_000,
    disconnectTimeout: 100,
  })
  redis.on('error', () => {})
  try {
    await redis.connect()
    await redis.ping()
  } finally {
    redis.disconnect()
  }
}
