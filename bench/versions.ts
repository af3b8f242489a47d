import { Redis } from 'ioredis'
import { queryOnce } from '../src/dev-services/probe.ts'

const redisVersion = async (url: string): Promise<string> => {
  const redis = new Redis(url)
  const info = await redis.info('server')
  redis.disconnect()
  return /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown'
}

/** The versions of Node, Postgres and Redis, for a report. */
export const versionsOf = async (databaseUrl: string, redisUrl: string): Promise<Record<string, string>> => {
  const [row] = (await queryOnce(databaseUrl, 'SHOW server_version')) as { server_version: string }[]
  return {
    Node: process.versions.node,
    Postgres: row?.server_version ?? 'unknown',
    Redis: await redisVersion(redisUrl),
  }
}
