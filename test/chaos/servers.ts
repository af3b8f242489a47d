import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  findPostgresPrograms,
  findRedisProgram,
  type PostgresPrograms,
} from '../../src/dev-services/binaries.ts'
import { type DataDir, openDataDir, readSettings, withSecretFile } from '../../src/dev-services/data-dir.ts'
import { preparePostgres } from '../../src/dev-services/init-postgres.ts'
import { redisConfig } from '../../src/dev-services/private-redis.ts'
import { probePostgres, probeRedis, queryOnce } from '../../src/dev-services/probe.ts'
import { onFreePort } from '../../src/platform/base/free-port.ts'
import { openLog } from '../../src/platform/base/log.ts'
import { migrate } from '../../src/processes/migrate/migrate.ts'
import { testSecret } from '../template.ts'
import { openPostgresContainer, openRedisContainer } from './server-container.ts'
import { openProcess } from './server-process.ts'

// Servers for one test file or one soak, with the faults of real servers. They run from the programs of this machine, or
// in containers if the programs are not installed.

export type OwnServer = AsyncDisposable & {
  url: string
  /** The address at which another server reaches it. */
  peer: { host: string; port: number }
  /** `clean` closes every connection and keeps all data; `immediate` is a crash by a signal that the server handles. */
  stop: (how?: 'clean' | 'immediate') => Promise<void>
  /** Starts it again on the same port with the same data. Does nothing if it runs. */
  start: () => Promise<void>
  /** Stops every process of the server: connections stay open, nothing answers. */
  pause: () => Promise<void>
  resume: () => Promise<void>
  /** SIGKILL to all its processes. */
  kill: () => Promise<void>
}

/** `synchronous_commit` stays on: a commit survives a crash of the server, though not of the machine. */
const optionsWith = (settings: string[]): string[] =>
  ['fsync=off', 'full_page_writes=off', 'shared_buffers=16MB', ...settings].flatMap(each => ['-c', each])

const services = process.env.LATCHKEY_SERVICES
const postgresPrograms = services === 'containers' ? [] : findPostgresPrograms(process.env)
const redisProgram = services === 'containers' ? undefined : findRedisProgram(process.env)

type Postgres = { dataDir: DataDir; folder: string; password: string; options: string[] }

const runPostgres = ({ dataDir, folder, password, options }: Postgres): Promise<OwnServer> =>
  onFreePort(undefined, port => {
    const url = `postgres://latchkey:${password}@127.0.0.1:${port}/postgres`
    const args = ['-D', dataDir.path, '-p', String(port), '-c', 'listen_addresses=127.0.0.1']
    return openProcess({
      ...{ name: 'postgres', dataDir, command: join(folder, 'postgres'), url, port },
      withArgs: run => run([...args, '-c', 'unix_socket_directories=', ...options]),
      probe: () => probePostgres(url),
      pid: async () => Number.parseInt(await readFile(join(dataDir.path, 'postmaster.pid'), 'utf8'), 10),
      signals: { clean: 'SIGINT', immediate: 'SIGQUIT' },
    })
  })

const openPostgresProcess = async (candidates: PostgresPrograms[], options: string[]): Promise<OwnServer> => {
  const dataDir = await openDataDir('test', 'postgres')
  const { password } = await readSettings(dataDir, 'postgres')
  const { folder } = await preparePostgres(dataDir, { password }, candidates)
  return runPostgres({ dataDir, folder, password, options })
}

const openRedisProcess = async (command: string): Promise<OwnServer> => {
  const dataDir = await openDataDir('test', 'redis')
  const { password } = await readSettings(dataDir, 'redis')
  return onFreePort(undefined, port => {
    const url = `redis://:${password}@127.0.0.1:${port}`
    const pidFile = join(dataDir.path, 'redis.pid')
    const config = `bind 127.0.0.1\nport ${port}\ndir ./\npidfile ${pidFile}\n${redisConfig(password, true)}`
    return openProcess({
      ...{ name: 'redis', dataDir, command, url, port },
      withArgs: run => withSecretFile(dataDir, 'redis.conf', config, file => run([file])),
      probe: () => probeRedis(url),
      pid: async () => Number.parseInt(await readFile(pidFile, 'utf8'), 10),
      signals: { clean: 'SIGTERM', immediate: 'SIGKILL' },
    })
  })
}

/** Starts a Postgres. The URL names a database that is migrated and empty. */
export const openOwnPostgres = async (settings: string[] = []): Promise<OwnServer> => {
  const options = optionsWith(settings)
  const server = await (postgresPrograms.length > 0
    ? openPostgresProcess(postgresPrograms, options)
    : openPostgresContainer(options))
  await using opening = new AsyncDisposableStack()
  opening.use(server)
  await queryOnce(server.url, 'CREATE DATABASE latchkey_own')
  const url = new URL(server.url)
  url.pathname = '/latchkey_own'
  await migrate({ DATABASE_URL: url.href, APP_SECRET: [testSecret] }, openLog('test', 'silent'))
  opening.move()
  return { ...server, url: url.href }
}

/** Starts a Redis that keeps its data over a restart. */
export const openOwnRedis = (): Promise<OwnServer> =>
  redisProgram ? openRedisProcess(redisProgram) : openRedisContainer()

/** Whether a replica can be started: not in containers. */
export const canReplicate = postgresPrograms.length > 0

/** Starts a synchronous replica of a Postgres. */
export const openReplica = async (primary: OwnServer): Promise<OwnServer> => {
  const [programs] = postgresPrograms
  if (!programs) throw new Error('A replica needs the programs of Postgres')
  const { folder } = programs
  const dataDir = await openDataDir('test', 'postgres')
  const { password, pathname } = new URL(primary.url)
  const { host, port } = primary.peer
  await promisify(execFile)(
    join(folder, 'pg_basebackup'),
    ['-h', host, '-p', String(port), '-U', 'latchkey', '-D', dataDir.path, '-R', '-c', 'fast', '--no-sync'],
    { ...dataDir.runAs, cwd: '/', env: { PGPASSWORD: password, LC_ALL: 'C' } },
  )
  const replica = await runPostgres({ dataDir, folder, password, options: optionsWith([]) })
  await queryOnce(primary.url, `ALTER SYSTEM SET synchronous_standby_names = '*'`)
  await queryOnce(primary.url, 'SELECT pg_reload_conf()')
  return { ...replica, url: new URL(pathname, replica.url).href }
}
