import { Redis } from 'ioredis'
import pg from 'pg'

/** Runs one statement on a new connection and returns the rows. */
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

/** Throws unless the Postgres at `url` accepts the credentials and answers. */
export const probePostgres = async (url: string): Promise<void> => {
  await queryOnce(url, 'SELECT 1')
}

/** Throws unless the Redis at `url` accepts the credentials and has loaded its data. */
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

/** Throws unless the API at `url` is ready to serve. */
export const probeApi = async (url: string): Promise<void> => {
  const reply = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1000) })
  if (!reply.ok) throw new Error(`The API answered ${reply.status}.`)
}
