import { Redis } from 'ioredis'
import pg from 'pg'

/** A busy machine may take seconds for a connection. */
const connectTimeoutMs = 30_000

/** Opens a connection to Postgres that bypasses the service. */
export const connectPostgres = async (url: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectTimeoutMs })
  client.on('error', () => {})
  await client.connect()
  return client
}

/** Runs a query on a new connection to Postgres. */
export const askPostgres = async <Row extends object>(url: string, sql: string): Promise<Row[]> => {
  const client = await connectPostgres(url)
  try {
    return (await client.query<Row>(sql)).rows
  } finally {
    await client.end().catch(() => {})
  }
}

/** Sends Redis commands on a new connection. */
export const askRedis = async <T>(url: string, ask: (redis: Redis) => Promise<T>): Promise<T> => {
  const redis = new Redis(url, { retryStrategy: () => null, connectTimeout: connectTimeoutMs })
  redis.on('error', () => {})
  try {
    return await ask(redis)
  } finally {
    redis.disconnect()
  }
}
