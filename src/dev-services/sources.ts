import { type Env, findPostgresPrograms, findRedisProgram } from './binaries.ts'
import { startPostgresContainer, startRedisContainer } from './containers.ts'
import type { Purpose, ServerName } from './data-dir.ts'
import { startPrivatePostgres } from './private-postgres.ts'
import { startPrivateRedis } from './private-redis.ts'
import type { Server } from './server-process.ts'

/** How to get one server. `fromPrograms` returns null if its programs are not installed. */
export type Source = {
  title: string
  variable: 'DATABASE_URL' | 'REDIS_URL'
  aptPackage: string
  fromPrograms: (purpose: Purpose, env: Env) => Promise<Server> | null
  fromContainer: (purpose: Purpose) => Promise<Server>
}

export const sources: Record<ServerName, Source> = {
  postgres: {
    title: 'Postgres',
    variable: 'DATABASE_URL',
    aptPackage: 'postgresql',
    fromPrograms: (purpose, env) => {
      const candidates = findPostgresPrograms(env)
      return candidates.length > 0 ? startPrivatePostgres(purpose, candidates) : null
    },
    fromContainer: startPostgresContainer,
  },
  redis: {
    title: 'Redis',
    variable: 'REDIS_URL',
    aptPackage: 'redis-server',
    fromPrograms: (purpose, env) => {
      const program = findRedisProgram(env)
      return program ? startPrivateRedis(purpose, program) : null
    },
    fromContainer: startRedisContainer,
  },
}
