import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis, type RedisOptions } from 'ioredis'
import { findRedisProgram } from '../../src/dev-services/binaries.ts'
import {
  type ServerProcess,
  startServerProcess,
  untilServerReady,
} from '../../src/dev-services/server-process.ts'
import { onFreePort } from '../../src/platform/base/free-port.ts'

/** The Redis of this machine. Without it the tests of topologies are skipped: they kill its processes. */
export const program = findRedisProgram(process.env)

export const password = randomBytes(18).toString('base64url')

/** A server for one test on 127.0.0.1. It stops with the test, also when the test is killed. */
export type Node = AsyncDisposable & {
  port: number
  /** A connection that bypasses the service. */
  admin: Redis
  /** Kills it, as in a crash. */
  kill: () => Promise<void>
  /** Starts it again on the same port with the data on its disk. */
  restart: () => Promise<void>
}

type NodeOptions = {
  /** Lines of its configuration, besides port and folder. */
  lines: (port: number) => string[]
  sentinel?: boolean
  /** How the test connects to it, if a password is not enough. */
  connection?: RedisOptions
}

const ping = async (admin: Redis): Promise<void> => {
  await admin.connect().catch(() => {})
  await admin.ping()
}

const adminOf = (port: number, connection: RedisOptions): Redis => {
  const admin = new Redis({
    ...{
      port,
      host: '127.0.0.1',
      password,
      enableOfflineQueue: false,
      connectTimeout: 2000,
      commandTimeout: 5000,
    },
    lazyConnect: true,
    retryStrategy: () => 100,
    ...connection,
  })
  return admin.on('error', () => {})
}

/** Starts a server and resolves once it answers. */
export const startNode = async ({ lines, sentinel = false, connection = {} }: NodeOptions): Promise<Node> => {
  await using opened = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-node-'))
  opened.defer(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'redis.conf')
  const run = async (port: number): Promise<{ child: ServerProcess; admin: Redis }> => {
    const stopSignals: NodeJS.Signals[] = ['SIGKILL']
    const args = sentinel ? [file, '--sentinel'] : [file]
    const child = startServerProcess(
      { command: program ?? '', args, cwd: folder, stopSignals },
      join(folder, 'log'),
    )
    const admin = adminOf(port, connection)
    try {
      await untilServerReady(sentinel ? 'Sentinel' : 'Redis', () => ping(admin), child)
      return { child, admin }
    } catch (error) {
      admin.disconnect()
      await child[Symbol.asyncDispose]()
      throw error
    }
  }
  const started = await onFreePort(undefined, async port => {
    await writeFile(file, [`dir ${folder}`, 'bind 127.0.0.1', ...lines(port), ''].join('\n'))
    return { port, ...(await run(port)) }
  })
  let { child, admin } = started
  const stop = async () => {
    admin.disconnect()
    await child[Symbol.asyncDispose]()
  }
  opened.defer(stop)
  const all = opened.move()
  return {
    port: started.port,
    get admin() {
      return admin
    },
    kill: stop,
    restart: async () => {
      ;({ child, admin } = await run(started.port))
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** The configuration that every server of a test has. */
export const common = (port: number): string[] => [
  `port ${port}`,
  `requirepass ${password}`,
  `masterauth ${password}`,
  'maxmemory-policy noeviction',
  'save ""',
  'repl-diskless-sync-delay 0',
]

export const urlOf = (port: number): string => `redis://:${password}@127.0.0.1:${port}`
