import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { type Deps, open } from '../src/deps.ts'
import type { Clock } from '../src/platform/base/clock.ts'
import { type Log, openLog } from '../src/platform/base/log.ts'
import type { Config } from '../src/platform/config/config.ts'
import { type Timeouts, timeouts } from '../src/platform/config/timeouts.ts'
import type { Hasher } from '../src/platform/crypto/password.ts'
import { compileAll } from '../src/platform/mail/render.ts'
import type { Keys } from '../src/platform/redis/keys.ts'
import type { RedisConnection } from '../src/platform/redis/redis.ts'
import { startApi } from '../src/processes/api/server.ts'
import { startWorker } from '../src/processes/worker/start-worker.ts'
import { type Client, openClient } from './client.ts'
import { configOf } from './configuration.ts'
import { type MailSink, openMailSink } from './mail-sink.ts'
import { dropKeys, keysOf } from './redis-keys.ts'
import { kill, type Spawned, spawnProcess } from './spawn.ts'
import { testSecret } from './template.ts'
import { slowness } from './until.ts'
import { keepWarnings } from './warnings.ts'

// The service in the process of the test itself, for tests that call its functions or travel in time. Loading it takes
// seconds: a test that only speaks HTTP, SQL and email takes `openWorld` of world.ts.

export type LocalInstance = {
  url: string
  deps: Deps
  client: Client
  /** Opens the connections to Postgres, so that requests that come together are not spread by that. */
  warm: () => Promise<void>
  close: () => Promise<void>
}

export type LocalWorld = AsyncDisposable & {
  /** The environment that the service was configured from. */
  env: Record<string, string>
  config: Config
  clock: Clock
  /** Every line that the service has logged. */
  logs: string[]
  mails: MailSink
  /** SQL on the world's database, past the service. */
  sql: <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>
  redis: RedisConnection
  keys: Keys
  keysLike: (pattern: string) => Promise<string[]>
  dropKeys: (keys: string[]) => Promise<void>
  travel: (milliseconds: number) => Promise<void>
  /** Another instance of the API over the same stores. */
  instance: () => Promise<LocalInstance>
  /** A process of its own, with its log lines. It is killed with the world. */
  spawn: (name: 'api' | 'worker', env?: Record<string, string>) => Spawned
} & Omit<LocalInstance, 'close'>

export type WorldOptions = {
  /** Runs the email worker too. */
  worker?: boolean
  /** Uses one Redis server also where the suite runs over a cluster: for tests that cut its connections by a proxy. */
  singleRedis?: boolean
  /** What differs from the environment of most tests: rate limits off, bcrypt at its lowest cost. */
  env?: Record<string, string>
}

type Options = WorldOptions & {
  /** The timeouts of production, for tests of what is too slow. Other tests give a busy machine more time. */
  within?: Timeouts
  /** Servers of the test's own in place of the shared ones. The database is used as it is. */
  servers?: { databaseUrl?: string; redisUrl?: string }
  /** Hash threads for this cost that others use too. */
  hasherOf?: (cost: string | undefined) => Hasher | undefined
}

const testVariable = (name: string): string => {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: run the tests by "npm test"`)
  return value
}

const admin = async (run: (client: pg.Client) => Promise<unknown>): Promise<void> => {
  const client = new pg.Client({ connectionString: testVariable('TEST_DATABASE_URL') })
  await client.connect()
  await run(client).finally(() => client.end())
}

const makeDatabase = async (name: string): Promise<string> => {
  await admin(client => client.query(`CREATE DATABASE ${name} TEMPLATE ${testVariable('TEST_TEMPLATE')}`))
  const url = new URL(testVariable('TEST_DATABASE_URL'))
  url.pathname = `/${name}`
  return url.href
}

/** Timeouts for a machine that has other work to do. */
export const ample = Object.fromEntries(
  Object.entries(timeouts).map(([what, time]) => [what, 8 * slowness * time]),
) as Timeouts

/** Writes the log of the service into an array. */
export const logTo = (lines: string[], level: Config['LOG_LEVEL']): Log =>
  openLog('test', level, { write: line => lines.push(line) })

type Place = {
  env: Record<string, string>
  clock: Clock
  log: Log
  within?: Timeouts
  hasher?: Hasher | undefined
}

/** Opens an instance of the API over the stores that this environment names. */
export const openInstance = async ({
  env,
  clock,
  log,
  within = ample,
  hasher,
}: Place): Promise<LocalInstance> => {
  const deps = await open(configOf(env), log, clock, within, hasher ? { hasher } : {})
  const api = await startApi(deps, { grace: 0 })
  const url = `http://127.0.0.1:${api.port}`
  const close = async () => {
    await api.close()
    await deps[Symbol.asyncDispose]()
  }
  const warm = async () => {
    const { database } = deps
    await Promise.allSettled(Array.from({ length: 10 }, () => database.query('SELECT pg_sleep(0.02)')))
  }
  return { url, deps, client: openClient(url), warm, close }
}

/** Opens a world in this process. */
export const openLocalWorld = async (options: Options = {}): Promise<LocalWorld> => {
  const {
    worker = false,
    singleRedis = false,
    env: given = {},
    within = ample,
    servers = {},
    hasherOf,
  } = options
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
    REDIS_URL: servers.redisUrl ?? testVariable(singleRedis ? 'TEST_REDIS_SINGLE_URL' : 'TEST_REDIS_URL'),
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
  const log = logTo(logs, config.LOG_LEVEL)
  opened.defer(() => keepWarnings(logs))

  const hasher = hasherOf?.(env.BCRYPT_COST)
  const first = await openInstance({ env, clock, log, within, hasher })
  opened.defer(first.close)
  const { url, deps, client, warm } = first
  // MJML would hold up the API that runs beside it. Languages other than English are compiled when one is sent.
  if (worker) await compileAll(deps.theme, ['en'])
  if (!servers.redisUrl) opened.defer(() => dropPrefix(deps))
  if (worker) opened.defer(startWorker(deps).close)

  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 })
  pool.on('error', () => {})
  opened.defer(() => pool.end())

  const all: AsyncDisposableStack = opened.move()
  return {
    ...{ env, config, clock, logs, mails, url, deps, client, warm },
    sql: async <Row extends object>(text: string, values: unknown[] = []) =>
      (await pool.query<Row>(text, values)).rows,
    ...{ redis: deps.redis, keys: deps.keys },
    keysLike: pattern => keysOf(deps.redis, pattern),
    dropKeys: keys => dropKeys(deps.redis, keys),
    travel: async milliseconds => {
      clock.shift = milliseconds
    },
    instance: async () => {
      const another = await openInstance({ env, clock, log, within, hasher })
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

const dropPrefix = async ({ redis, config }: Deps): Promise<void> => {
  for (const pattern of [`${config.REDIS_PREFIX}:*`, `{${config.REDIS_PREFIX}}:*`])
    await dropKeys(redis, await keysOf(redis, pattern))
}
