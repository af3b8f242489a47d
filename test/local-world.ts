import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { Deps } from '../src/deps.ts'
import { open } from '../src/open.ts'
import type { Clock } from '../src/platform/base/clock.ts'
import { type Log, openLog } from '../src/platform/base/log.ts'
import type { Config } from '../src/platform/config/config.ts'
import { defaultTimeouts, type Timeouts } from '../src/platform/config/timeouts.ts'
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

// A world (see world.ts) whose service runs in the process of the test, for tests that call its functions. Loading the
// service takes seconds, so a test that only uses HTTP, SQL and email uses `openWorld` of world.ts.

export type LocalInstance = {
  url: string
  deps: Deps
  client: Client
  /** Opens the Postgres connections in advance, so that opening them does not spread simultaneous requests over time. */
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
  /** Runs SQL on the world's database directly. */
  sql: <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>
  redis: RedisConnection
  keys: Keys
  keysLike: (pattern: string) => Promise<string[]>
  dropKeys: (keys: string[]) => Promise<void>
  /** Sets the clock of the service to this many milliseconds after the real time. */
  travel: (milliseconds: number) => Promise<void>
  /** Another instance of the API over the same stores. */
  instance: () => Promise<LocalInstance>
  /** Starts a separate process and collects its log lines. It is killed when the world closes. */
  spawn: (name: 'api' | 'worker', env?: Record<string, string>) => Spawned
} & Omit<LocalInstance, 'close'>

export type WorldOptions = {
  /** Runs the email worker too. */
  worker?: boolean
  /** Uses a single Redis server even if the run uses a cluster: for tests that cut its connections by a proxy. */
  singleRedis?: boolean
  /** Overrides of the default test environment, which has rate limits off and the lowest bcrypt cost. */
  env?: Record<string, string>
}

type Options = WorldOptions & {
  /** The production timeouts, for tests of slow stores. By default they are longer, for a busy machine. */
  timeouts?: Timeouts
  /** Servers of the test instead of the shared ones. The database is used as it is. */
  servers?: { databaseUrl?: string; redisUrl?: string }
  /** Returns shared hash threads for this cost. */
  hasherOf?: (cost: string | undefined) => Hasher | undefined
}

const testVariable = (name: string): string => {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: run the tests by "npm test"`)
  return value
}

const withServer = async (run: (client: pg.Client) => Promise<unknown>): Promise<void> => {
  const client = new pg.Client({ connectionString: testVariable('TEST_DATABASE_URL') })
  await client.connect()
  await run(client).finally(() => client.end())
}

const createDatabase = async (name: string): Promise<string> => {
  await withServer(client =>
    client.query(`CREATE DATABASE ${name} TEMPLATE ${testVariable('TEST_TEMPLATE')}`),
  )
  const url = new URL(testVariable('TEST_DATABASE_URL'))
  url.pathname = `/${name}`
  return url.href
}

/** The timeouts of the service, eight times longer and multiplied by the slowness of this machine. */
export const generousTimeouts = Object.fromEntries(
  Object.entries(defaultTimeouts).map(([what, time]) => [what, 8 * slowness * time]),
) as Timeouts

/** Writes the log of the service into an array. */
export const logTo = (lines: string[], level: Config['LOG_LEVEL']): Log =>
  openLog('test', level, { write: line => lines.push(line) })

type InstanceOptions = {
  env: Record<string, string>
  clock: Clock
  log: Log
  timeouts?: Timeouts
  hasher?: Hasher | undefined
}

/** Opens an instance of the API that uses the stores of this environment. */
export const openInstance = async ({
  env,
  clock,
  log,
  timeouts = generousTimeouts,
  hasher,
}: InstanceOptions): Promise<LocalInstance> => {
  const deps = await open(configOf(env), log, clock, timeouts, hasher ? { hasher } : {})
  const api = await startApi(deps, { graceMs: 0 })
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
    timeouts = generousTimeouts,
    servers = {},
    hasherOf,
  } = options
  await using opened = new AsyncDisposableStack()
  const id = randomBytes(6).toString('hex')
  const database = `lk_${id}`
  const databaseUrl = servers.databaseUrl ?? (await createDatabase(database))
  if (!servers.databaseUrl)
    opened.defer(() => withServer(client => client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)))

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
    EMAIL_LOGIN: 'on',
    LOG_LEVEL: 'debug',
    ...given,
  }
  const config = configOf(env)
  const clock: Clock = { shift: 0 }
  const logs: string[] = []
  const log = logTo(logs, config.LOG_LEVEL)
  opened.defer(() => keepWarnings(logs))

  const hasher = hasherOf?.(env.BCRYPT_COST)
  const first = await openInstance({ env, clock, log, timeouts, hasher })
  opened.defer(first.close)
  const { url, deps, client, warm } = first
  // Compiling MJML blocks the API in the same process, so English is compiled in advance and other languages on demand.
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
    keysLike: pattern => keysOf(deps.redis, deps.config.REDIS_PREFIX, pattern),
    dropKeys: keys => dropKeys(deps.redis, keys),
    travel: async milliseconds => {
      clock.shift = milliseconds
    },
    instance: async () => {
      const another = await openInstance({ env, clock, log, timeouts, hasher })
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
  await dropKeys(redis, await keysOf(redis, config.REDIS_PREFIX, '*'))
}
