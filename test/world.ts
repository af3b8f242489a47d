import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { startApi } from '../src/api/server.ts'
import type { Clock } from '../src/base/clock.ts'
import { type Config, readConfig } from '../src/base/config.ts'
import { type Deadlines, deadlines } from '../src/base/deadlines.ts'
import { openLog } from '../src/base/log.ts'
import { type Deps, open } from '../src/deps.ts'
import { compileAll } from '../src/mail/render.ts'
import { startWorker } from '../src/worker.ts'
import { type Client, openClient } from './client.ts'
import { dropKeys, keysOf } from './every-key.ts'
import { type MailSink, openMailSink } from './mail-sink.ts'
import { testSecret } from './template.ts'
import { keepWarnings } from './warnings.ts'

// A world of one test file: the real app on a port of its own, a database and a Redis prefix that are thrown away,
// a mail server that keeps what it gets, and a clock to travel with.

export type Instance = { url: string; deps: Deps; client: Client; close: () => Promise<void> }

export type World = AsyncDisposable & {
  /** The environment that the app was configured from. */
  env: Record<string, string>
  config: Config
  clock: Clock
  /** Every line that the app has logged. */
  logs: string[]
  mails: MailSink
  /** SQL on the world's database, past the app. */
  sql: <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>
  /** Another instance of the API over the same stores. */
  instance: () => Promise<Instance>
  /** A process of its own, `api` or `worker`, with its log lines. It is killed with the world. */
  spawn: (name: 'api' | 'worker', env?: Record<string, string>) => { child: ChildProcess; lines: string[] }
} & Omit<Instance, 'close'>

type Options = {
  /** Runs the mail worker in this process. */
  worker?: boolean
  /** Over one Redis also where the suite runs over a cluster: for tests of its wire, which a proxy cuts. */
  singleRedis?: boolean
  env?: Record<string, string>
  /** Those of a service that runs, for tests of what is too slow. Else a busy machine is given time. */
  within?: Deadlines
  /** Servers of the test's own in place of those that the tests share; the database is used as it is. */
  servers?: { databaseUrl?: string; redisUrl?: string }
}

const admin = async (run: (client: pg.Client) => Promise<unknown>): Promise<void> => {
  const client = new pg.Client({ connectionString: told('TEST_DATABASE_URL') })
  await client.connect()
  await run(client).finally(() => client.end())
}

const told = (name: string): string => {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: run the tests by "npm test"`)
  return value
}

const makeDatabase = async (name: string): Promise<string> => {
  await admin(client => client.query(`CREATE DATABASE ${name} TEMPLATE latchkey_template`))
  const url = new URL(told('TEST_DATABASE_URL'))
  url.pathname = `/${name}`
  return url.href
}

const configOf = (env: Record<string, string>): Config => {
  const read = readConfig(env, 'worker')
  if ('faults' in read) throw new Error(read.faults.join('\n'))
  return read.config
}

/** Tests share the machine with others: what a crowd is told is not to depend on that. */
export const ample = Object.fromEntries(
  Object.entries(deadlines).map(([what, time]) => [what, 8 * time]),
) as Deadlines

/** Opens a world. Limits are off and bcrypt is cheap unless `env` says otherwise. */
export const openWorld = async (options: Options = {}): Promise<World> => {
  const { worker = false, singleRedis = false, env: given = {}, within = ample, servers = {} } = options
  // MJML would hold up the API that runs beside it. What is in another language than most is compiled when it is sent.
  if (worker) await compileAll(['en'])
  await using opened = new AsyncDisposableStack()
  const id = randomBytes(6).toString('hex')
  const database = `lk_${id}`
  const databaseUrl = servers.databaseUrl ?? (await makeDatabase(database))
  if (!servers.databaseUrl)
    opened.defer(() => admin(client => client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)))

  const mails = opened.use(await openMailSink())
  const env: Record<string, string> = {
    NODE_ENV: 'test',
    DATABASE_URL: databaseUrl,
    REDIS_URL: servers.redisUrl ?? told(singleRedis ? 'TEST_REDIS_SINGLE_URL' : 'TEST_REDIS_URL'),
    REDIS_PREFIX: `t-${id}`,
    SMTP_URL: mails.url,
    APP_SECRET: testSecret,
    PUBLIC_URL: 'http://latchkey.test',
    PORT: '0',
    BCRYPT_COST: '4',
    RATE_LIMITS: 'off',
    LOG_LEVEL: 'debug',
    ...given,
  }
  const config = configOf(env)
  const clock: Clock = { shift: 0 }
  const logs: string[] = []
  const log = openLog('test', config.LOG_LEVEL, { write: line => logs.push(line) })
  opened.defer(() => keepWarnings(logs))

  const instance = async (): Promise<Instance> => {
    const deps = await open(config, log, clock, within)
    const api = await startApi(deps, { grace: 0 })
    const url = `http://127.0.0.1:${api.port}`
    const close = async () => {
      await api.close()
      await deps[Symbol.asyncDispose]()
    }
    return { url, deps, client: openClient(url), close }
  }
  const keep = async () => {
    const another = await instance()
    opened.defer(another.close)
    return another
  }

  const { url, deps, client } = await keep()
  if (!servers.redisUrl) opened.defer(() => dropWorld(deps))
  if (worker) opened.defer(startWorker(deps).close)

  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 })
  pool.on('error', () => {})
  opened.defer(() => pool.end())

  const all: AsyncDisposableStack = opened.move()
  return {
    ...{ env, config, clock, logs, mails, url, deps, client },
    sql: async <Row extends object>(text: string, values: unknown[] = []) =>
      (await pool.query<Row>(text, values)).rows,
    instance: async () => {
      const another = await instance()
      all.defer(another.close)
      return another
    },
    spawn: (name, more = {}) => {
      const spawned = spawnProcess(name, { ...env, ...more })
      all.defer(() => kill(spawned.child))
      return spawned
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

const spawnProcess = (name: string, env: Record<string, string>) => {
  const file = fileURLToPath(new URL(`../src/${name}.ts`, import.meta.url))
  const child = spawn(process.execPath, [file], {
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...env },
  })
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', line => line && lines.push(line))
  return { child, lines }
}

/** Kills a process as a crash would, and waits for its end. */
export const kill = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

const dropWorld = async ({ redis, config }: Deps): Promise<void> => {
  for (const pattern of [`${config.REDIS_PREFIX}:*`, `{${config.REDIS_PREFIX}}:*`])
    await dropKeys(redis, await keysOf(redis, pattern))
}

/** Asks until the answer is there; throws after `patience` milliseconds without. */
export const until = async <T>(
  what: string,
  ask: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  patience = 20_000,
): Promise<T> => {
  const deadline = Date.now() + patience
  for (;;) {
    const answer = await ask()
    if (answer !== null && answer !== undefined && answer !== false) return answer
    if (Date.now() > deadline) throw new Error(`waited ${patience} ms in vain: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 25))
  }
}
