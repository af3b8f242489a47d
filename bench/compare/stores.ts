import { findPostgresPrograms, findRedisProgram } from '../../src/dev-services/binaries.ts'
import { findServices } from '../../src/dev-services/find-services.ts'
import { queryOnce } from '../../src/dev-services/probe.ts'
import { versionsOf } from '../versions.ts'

/** Postgres and Redis for one run. Each target has a database and a numbered Redis database of its own in them. */
export type Stores = AsyncDisposable & {
  how: { postgres: string; redis: string }
  versions: Record<string, string>
  /** A new, empty database. */
  database: (name: string) => Promise<string>
  /** An empty Redis database. They are numbered from 1. */
  redis: () => string
}

const withPath = (url: string, path: string): string => Object.assign(new URL(url), { pathname: path }).href

/** A report names what is the same in each run. */
const withoutPort = (description: string): string => description.replace(/ on port \d+.*/, '')

/** Starts both from the programs on this machine, or from containers if the programs are not installed. */
export const openStores = async (): Promise<Stores> => {
  const { DATABASE_URL: _database, REDIS_URL: _redis, ...own } = process.env
  const hasPrograms = findPostgresPrograms(own).length > 0 && findRedisProgram(own)
  const env = hasPrograms && !own.LATCHKEY_SERVICES ? { ...own, LATCHKEY_SERVICES: 'private' } : own
  const print = (line: string) => process.stderr.write(`${line}\n`)
  await using stack = new AsyncDisposableStack()
  const services = stack.use(await findServices({ purpose: 'test', env, print }))
  const versions = await versionsOf(services.databaseUrl, services.redisUrl)
  const { postgres, redis } = services.description
  let used = 0
  const kept = stack.move()
  return {
    ...{ how: { postgres: withoutPort(postgres), redis: withoutPort(redis) }, versions },
    database: async name => {
      await queryOnce(services.databaseUrl, `CREATE DATABASE ${name}`)
      return withPath(services.databaseUrl, `/${name}`)
    },
    redis: () => withPath(services.redisUrl, `/${++used}`),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
