import { Agent, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { deserialize, serialize } from 'node:v8'
import test from 'ava'
import type { RedisCommander } from 'ioredis'
import type { Clock } from '../src/platform/base/clock.ts'
import type { Config } from '../src/platform/config/config.ts'
import { type Keys, redisKeys } from '../src/platform/redis/keys.ts'
import { type Client, openClient } from './client.ts'
import type { WorldOptions } from './local-world.ts'
import type { Mailbox } from './mail-sink.ts'
import { kill, type Spawned, spawnProcess } from './spawn.ts'
import { keepWarnings } from './warnings.ts'
import type { Called, Calls, JobName, NewEmail, TokenEmail } from './world-host.ts'

// The world of one test file: the real service in another process, with a database, a Redis prefix and a mail server
// that no other file uses.

export type Instance = {
  url: string
  client: Client
  /** Opens the connections to Postgres, so that requests that come together are not spread by that. */
  warm: () => Promise<void>
  /** Runs a job of the worker once, configured otherwise where `config` says so, and returns how many it dealt with. */
  run: (job: JobName, config?: Partial<Config>) => Promise<number>
  /** What Prometheus would read. */
  metrics: () => Promise<string>
  close: () => Promise<void>
}

/** How many lines each instance had logged. */
export type LogMark = ReadonlyMap<string, number>

export type World = AsyncDisposable & {
  /** The environment that the service was configured from. */
  env: Record<string, string>
  mails: Mailbox
  /** SQL on the world's database, past the service. */
  sql: <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>
  /** Redis, past the service: `redis.hgetall(key)`. */
  redis: RedisCommander
  keys: Keys
  /** The names of keys that match a pattern, on every node of a cluster. */
  keysLike: (pattern: string) => Promise<string[]>
  dropKeys: (keys: string[]) => Promise<void>
  /** What every instance has logged, or has since a mark. */
  logs: (since?: LogMark) => Promise<string[]>
  logMark: () => Promise<LogMark>
  /** What has been logged since the last call. */
  newLogs: () => Promise<string[]>
  /** Moves the clock of every instance to this many milliseconds from the machine's. */
  travel: (milliseconds: number) => Promise<void>
  /** How far that is. */
  clock: Readonly<Clock>
  /** Another instance of the API over the same stores, in another process, and configured otherwise where `env` says so. */
  instance: (env?: Record<string, string>) => Promise<Instance>
  /** Makes the token and the code of an email live, as the worker does when it sends it. */
  issueOneTimeToken: (
    email: TokenEmail,
    to: { userId: string; address: string },
  ) => Promise<{ token: string; code: string } | null>
  /** Sends an email as a worker would, whether or not a job for it waits, and says what came of it. */
  deliver: (emailId: string) => ReturnType<Calls['deliver']>
  /** Puts an email in the outbox and the queue, as the service does. */
  queueEmail: (email: NewEmail) => Promise<void>
  /** Runs an email worker from now on. */
  startWorker: () => Promise<void>
  stopWorker: () => Promise<void>
  /** A process of its own, with its log lines. It is killed with the world. */
  spawn: (name: 'api' | 'worker', env?: Record<string, string>) => Spawned
} & Omit<Instance, 'close'>

const agent = new Agent({ keepAlive: true })

type Ask = <N extends keyof Calls>(name: N, ...args: Parameters<Calls[N]>) => ReturnType<Calls[N]>

const askAt =
  (host: string) =>
  async (...call: unknown[]): Promise<unknown> => {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    const asking = request(host, { agent, method: 'POST' }, reply => buffer(reply).then(resolve, reject))
    asking.on('error', reject)
    asking.end(serialize(call))
    const called = deserialize(await promise) as Called
    if ('value' in called) return called.value
    throw Object.assign(new Error(called.error.message), called.error)
  }

const hosts = (): [Ask, Ask] => {
  const urls = process.env.TEST_HOSTS?.split(',')
  if (urls?.length !== 2) throw new Error('TEST_HOSTS is not set: run the tests by "npm test"')
  // Half of the files begin in the second, so that both have as much to do.
  if (test.meta.file.length % 2 === 1) urls.reverse()
  return urls.map(askAt) as [Ask, Ask]
}

/** Runs `latchkey` with this environment and no other, in a process that runs the service. */
export const commandInHost = (
  env: Record<string, string>,
  words: readonly string[],
  input: string,
): ReturnType<Calls['command']> => {
  const [ask] = hosts()
  return ask('command', env, words, input)
}

/** Opens a world in the processes that run the service for all test files. */
export const openWorld = async (options: WorldOptions = {}): Promise<World> => {
  const [ask, askOther] = hosts()
  await using opened = new AsyncDisposableStack()
  const { id, env, url, mailsUrl } = await ask('open', options)
  const place = { ask, id }
  const places = [place]
  const clock: Clock = { shift: 0 }
  const seen = new Map<string, number>()
  /** Lines of instances that were closed before the world was. */
  const ended: string[] = []
  let ending = false

  const placed = (place: { ask: Ask; id: string }, url: string): Instance => {
    let open = true
    return {
      url,
      client: openClient(url),
      warm: () => place.ask('warm', place.id),
      run: (job, config = {}) => place.ask('run', place.id, job, config),
      metrics: () => place.ask('metrics', place.id),
      close: async () => {
        if (!open) return
        open = false
        if (!ending) ended.push(...(await place.ask('logs', place.id, 0)))
        places.splice(places.indexOf(place), 1)
        await keepWarnings(await place.ask('close', place.id))
      },
    }
  }
  const { close, ...first } = placed(place, url)
  opened.defer(close)

  const mails: Mailbox = {
    url: mailsUrl,
    to: (address, count = 1, link = '') => ask('emailTo', id, address, count, link),
    sentTo: address => ask('emailsTo', id, address),
    all: () => ask('emails', id),
    stalled: () => ask('stalledEmails', id),
    // A cloned error has no fields of its own.
    answer: refusal =>
      ask('answerEmails', id, refusal && { message: refusal.message, responseCode: refusal.responseCode }),
    stall: count => ask('stallEmails', id, count),
  }
  const redis = new Proxy({} as RedisCommander, {
    get: (_, command) =>
      // A proxy that answers to `then` would be taken for a promise.
      command === 'then' || typeof command === 'symbol'
        ? undefined
        : (...args: (string | number | Buffer)[]) => ask('redis', id, command, args),
  })
  const all: AsyncDisposableStack = opened.move()
  return {
    ...{ ...first, env, mails, clock, redis, keys: redisKeys(env.REDIS_PREFIX ?? '') },
    sql: async <Row extends object>(text: string, values: unknown[] = []) =>
      (await ask('sql', id, text, values)) as Row[],
    keysLike: pattern => ask('keysLike', id, pattern),
    dropKeys: keys => ask('dropKeys', id, keys),
    logs: async (since = new Map()) => [
      ...ended,
      ...(await Promise.all(places.map(each => each.ask('logs', each.id, since.get(each.id) ?? 0)))).flat(),
    ],
    newLogs: async () => {
      const found = await Promise.all(
        places.map(async each => {
          const from = seen.get(each.id) ?? 0
          const lines = await each.ask('logs', each.id, from)
          seen.set(each.id, from + lines.length)
          return lines
        }),
      )
      return found.flat()
    },
    logMark: async () =>
      new Map(
        await Promise.all(places.map(async each => [each.id, await each.ask('logLength', each.id)] as const)),
      ),
    travel: async milliseconds => {
      clock.shift = milliseconds
      await Promise.all(places.map(each => each.ask('travel', each.id, milliseconds)))
    },
    instance: async (more = {}) => {
      const joined = await askOther('join', { ...env, ...more }, clock.shift)
      const another = { ask: askOther, id: joined.id }
      places.push(another)
      const instance = placed(another, joined.url)
      all.defer(instance.close)
      return instance
    },
    issueOneTimeToken: (email, to) => ask('issueOneTimeToken', id, email, to),
    deliver: emailId => ask('deliver', id, emailId),
    queueEmail: email => ask('queueEmail', id, email),
    startWorker: () => ask('startWorker', id),
    stopWorker: () => ask('stopWorker', id),
    spawn: (name, more = {}) => {
      const spawned = spawnProcess(name, { ...env, ...more })
      all.defer(() => kill(spawned.child))
      return spawned
    },
    [Symbol.asyncDispose]: () => {
      ending = true
      return all.disposeAsync()
    },
  }
}
