import { Redis } from 'ioredis'
import { findPostgresPrograms, findRedisProgram } from '../../src/dev-services/binaries.ts'
import { findServices } from '../../src/dev-services/find-services.ts'
import { queryOnce } from '../../src/dev-services/probe.ts'

/** Postgres and Redis for one run. Every contestant has a database and a numbered Redis of its own in them. */
export type Stores = AsyncDisposable & {
  how: { postgres: string; redis: string }
  versions: { Postgres: string; Redis: string }
  /** A new, empty database. */
  database: (name: string) => Promise<string>
  /** A Redis that holds nothing yet: they are numbered from 1. */
  redis: () => string
}

const redisVersion = async (url: string): Promise<string> => {
  const redis = new Redis(url)
  const info = await redis.info('server')
  redis.disconnect()
  return /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown'
}

const withPath = (url: string, path: string): string => Object.assign(new URL(url), { pathname: path }).href

/** Starts them from the programs on this machine where it has them, and from containers where it does not. */
export const openStores = async (): Promise<Stores> => {
  const { DATABASE_URL: _database, REDIS_URL: _redis, ...own } = process.env
  const hasPrograms = findPostgresPrograms(own).length > 0 && findRedisProgram(own)
  const env = hasPrograms && !own.LATCHKEY_SERVICES ? { ...own, LATCHKEY_SERVICES: 'private' } : own
  const say = (line: string) => process.stderr.write(`${line}\n`)
  await using stack = new AsyncDisposableStack()
  const services = stack.use(await findServices({ purpose: 'test', env, print: say }))
  const [row] = (await queryOnce(services.databaseUrl, 'SHOW server_version')) as { server_version: string }[]
  const versions = {
    Postgres: row?.server_version ?? 'unknown',
    Redis: await redisVersion(services.redisUrl),
  }
  let used = 0
  const kept = stack.move()
  return {
    ...{ how: services.description, versions },
    database: async name => {
      await queryOnce(services.databaseUrl, `CREATE DATABASE ${name}`)
      return withPath(services.databaseUrl, `/${name}`)
    },
    redis: () => withPath(services.redisUrl, `/${++used}`),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
