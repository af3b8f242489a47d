import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { findPostgresPrograms, findRedisProgram } from '../src/dev-services/binaries.ts'
import { openDataDir, readSettings, withSecretFile } from '../src/dev-services/data-dir.ts'
import { preparePostgres } from '../src/dev-services/init-postgres.ts'
import { redisConfig } from '../src/dev-services/private-redis.ts'
import { probePostgres, probeRedis, queryOnce } from '../src/dev-services/probe.ts'
import {
  type ServerProcess,
  startServerProcess,
  untilServerReady,
} from '../src/dev-services/server-process.ts'
import { onFreePort } from '../src/platform/base/free-port.ts'
import { childrenOf } from './soak-processes.ts'

// Stores of the soak's own, in folders that are thrown away at the end. Unlike those for tests they outlive a stop: they
// start again on the same port with the same data, as after a crash or an upgrade.

export type Store = AsyncDisposable & {
  url: string
  version: () => Promise<string>
  start: () => Promise<void>
  stop: () => Promise<void>
  /** The processes to stop together where it is to fall silent, the one that starts others first. */
  pids: () => Promise<number[]>
}

const restartable = (launch: () => Promise<ServerProcess>) => {
  let child: ServerProcess | null = null
  return {
    start: async () => {
      child = await launch()
    },
    stop: async () => {
      await child?.[Symbol.asyncDispose]()
      child = null
    },
  }
}

/** A Postgres with everything that keeps its promises on. It is stopped without a checkpoint. */
export const openPostgresStore = async (): Promise<Store> => {
  await using stack = new AsyncDisposableStack()
  const programs = findPostgresPrograms(process.env)
  if (programs.length === 0) throw new Error('the soak needs the programs of Postgres on this machine')
  const dataDir = await openDataDir('test', 'postgres')
  stack.defer(() => rm(dataDir.base, { recursive: true, force: true }))
  const settings = await readSettings(dataDir, 'postgres')
  const { folder } = await preparePostgres(dataDir, settings, programs)
  const port = await onFreePort(undefined, async free => free)
  const urlOf = (database: string) => `postgres://latchkey:${settings.password}@127.0.0.1:${port}/${database}`
  const args = ['-D', dataDir.path, '-p', String(port), '-c', 'listen_addresses=127.0.0.1']
  const server = restartable(async () => {
    const child = startServerProcess(
      {
        command: join(folder, 'postgres'),
        args: [...args, '-c', 'unix_socket_directories='],
        cwd: dataDir.path,
        runAs: dataDir.runAs,
        stopSignals: ['SIGQUIT', 'SIGKILL'],
      },
      join(dataDir.base, 'postgres.log'),
    )
    await untilServerReady('Postgres', () => probePostgres(urlOf('postgres')), child)
    return child
  })
  stack.defer(server.stop)
  await server.start()
  await queryOnce(urlOf('postgres'), 'CREATE DATABASE latchkey')
  const kept = stack.move()
  return {
    ...server,
    url: urlOf('latchkey'),
    version: async () => {
      const [row] = await queryOnce(urlOf('postgres'), 'SHOW server_version')
      return (row as { server_version: string }).server_version
    },
    pids: async () => {
      const first = Number.parseInt(await readFile(join(dataDir.path, 'postmaster.pid'), 'utf8'), 10)
      return [first, ...(await childrenOf(first))]
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** Asks Redis one thing on a connection of its own. */
export const askRedis = async <T>(url: string, ask: (redis: Redis) => Promise<T>): Promise<T> => {
  const redis = new Redis(url, { retryStrategy: () => null, connectTimeout: 3000 })
  redis.on('error', () => {})
  try {
    return await ask(redis)
  } finally {
    redis.disconnect()
  }
}

const infoOf = (url: string, name: string): Promise<string> =>
  askRedis(
    url,
    async redis => new RegExp(`${name}:(\\S+)`).exec(await redis.info('server'))?.[1] ?? 'unknown',
  )

/** A Redis with an append-only file. */
export const openRedisStore = async (): Promise<Store> => {
  await using stack = new AsyncDisposableStack()
  const program = findRedisProgram(process.env)
  if (!program) throw new Error('the soak needs the program of Redis on this machine')
  const dataDir = await openDataDir('test', 'redis')
  stack.defer(() => rm(dataDir.base, { recursive: true, force: true }))
  const { password } = await readSettings(dataDir, 'redis')
  const port = await onFreePort(undefined, async free => free)
  const url = `redis://:${password}@127.0.0.1:${port}`
  const config = `bind 127.0.0.1\nport ${port}\ndir ./\n${redisConfig(password, true)}`
  const server = restartable(() =>
    withSecretFile(dataDir, 'redis.conf', config, async file => {
      const child = startServerProcess(
        {
          command: program,
          args: [file],
          cwd: dataDir.path,
          runAs: dataDir.runAs,
          stopSignals: ['SIGTERM', 'SIGKILL'],
        },
        join(dataDir.base, 'redis.log'),
      )
      await untilServerReady('Redis', () => probeRedis(url), child)
      return child
    }),
  )
  stack.defer(server.stop)
  await server.start()
  const kept = stack.move()
  return {
    ...server,
    url,
    version: () => infoOf(url, 'redis_version'),
    pids: async () => [Number(await infoOf(url, 'process_id'))],
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
