import { Agent, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { deserialize, serialize } from 'node:v8'
import test from 'ava'
import type { RedisCommander } from 'ioredis'
import type { Clock } from '../src/platform/base/clock.ts'
import type { Email } from '../src/platform/mail/entity.ts'
import { type Keys, redisKeys } from '../src/platform/redis/keys.ts'
import type { ShopConfig } from '../src/shop/catalog/variables.ts'
import { type Client, openClient } from './client.ts'
import type { WorldOptions } from './local-world.ts'
import type { Mailbox } from './mail-sink.ts'
import { kill, type Spawned, spawnProcess } from './spawn.ts'
import { keepWarnings } from './warnings.ts'
import type { Called, Calls, JobName, QueuedEmail } from './world-host.ts'

// The test environment of one test file, called its world: the real service in another process, with its own database,
// Redis prefix and mail server.

export type Instance = {
  url: string
  client: Client
  /** Opens the Postgres connections in advance, so that opening them does not spread simultaneous requests over time. */
  warm: () => Promise<void>
  /** Runs a worker job once, with `config` as overrides. Returns how many items it processed. */
  run: (job: JobName, config?: Partial<ShopConfig>) => Promise<number>
  /** The metrics in the format of Prometheus. */
  metrics: () => Promise<string>
  close: () => Promise<void>
}

/** The number of log lines of each instance at some moment. */
export type LogMark = ReadonlyMap<string, number>

export type World = AsyncDisposable & {
  /** The environment that the service was configured from. */
  env: Record<string, string>
  mails: Mailbox
  /** Runs SQL on the world's database directly. */
  sql: <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>
  /** Sends commands to Redis directly: `redis.hgetall(key)`. */
  redis: RedisCommander
  keys: Keys
  /** The keys of this world that match a pattern, on every node of a cluster. */
  keysLike: (pattern: string) => Promise<string[]>
  dropKeys: (keys: string[]) => Promise<void>
  /** The log lines of all instances, or those since a mark. */
  logs: (since?: LogMark) => Promise<string[]>
  logMark: () => Promise<LogMark>
  /** The log lines since the last call. */
  newLogs: () => Promise<string[]>
  /** Sets the clock of every instance to this many milliseconds after the real time. */
  travel: (milliseconds: number) => Promise<void>
  /** The current offset of that clock. */
  clock: Readonly<Clock>
  /** Opens another instance of the API over the same stores in another process, with `env` as overrides. */
  instance: (env?: Record<string, string>) => Promise<Instance>
  /** Issues the token and the code of an email, as the worker does when it sends the email. */
  issueOneTimeToken: (
    email: Email,
    to: { userId: string; address: string },
  ) => Promise<{ token: string; code: string } | null>
  /** Delivers an email as a worker does, even without a job for it, and returns the outcome. */
  deliver: (emailId: string) => ReturnType<Calls['deliver']>
  /** Adds an email to the outbox and the queue, as the service does. */
  queueEmail: (email: QueuedEmail) => Promise<void>
  /** Starts an email worker in the process of the service. */
  startWorker: () => Promise<void>
  stopWorker: () => Promise<void>
  /** Starts a separate process and collects its log lines. It is killed when the world closes. */
  spawn: (name: 'api' | 'worker', env?: Record<string, string>) => Spawned
} & Omit<Instance, 'close'>

const agent = new Agent({ keepAlive: true })

type CallHost = <N extends keyof Calls>(name: N, ...args: Parameters<Calls[N]>) => ReturnType<Calls[N]>

const callerOf =
  (host: string) =>
  async (...call: unknown[]): Promise<unknown> => {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    const outgoing = request(host, { agent, method: 'POST' }, reply => buffer(reply).then(resolve, reject))
    outgoing.on('error', reject)
    outgoing.end(serialize(call))
    const called = deserialize(await promise) as Called
    if ('value' in called) return called.value
    throw Object.assign(new Error(called.error.message), called.error)
  }

const hosts = (): [CallHost, CallHost] => {
  const urls = process.env.TEST_HOSTS?.split(',')
  if (urls?.length !== 2) throw new Error('TEST_HOSTS is not set: run the tests by "npm test"')
  // Half of the files use the second host first, so that both hosts have the same load.
  if (test.meta.file.length % 2 === 1) urls.reverse()
  return urls.map(callerOf) as [CallHost, CallHost]
}

/** Runs `latchkey` with exactly this environment, in a process that runs the service. */
export const commandInHost = (
  env: Record<string, string>,
  words: readonly string[],
  input: string,
): ReturnType<Calls['command']> => {
  const [call] = hosts()
  return call('command', env, words, input)
}

/** Opens a world in the host processes, which run the service for all test files. */
export const openWorld = async (options: WorldOptions = {}): Promise<World> => {
  const [call, callOther] = hosts()
  await using opened = new AsyncDisposableStack()
  const { id, env, url, mailsUrl } = await call('open', options)
  const remote = { call, id }
  const remotes = [remote]
  const clock: Clock = { shift: 0 }
  const seen = new Map<string, number>()
  /** Log lines of instances that were closed before the world. */
  const ended: string[] = []
  let ending = false

  const instanceOf = (remote: { call: CallHost; id: string }, url: string): Instance => {
    let open = true
    return {
      url,
      client: openClient(url),
      warm: () => remote.call('warm', remote.id),
      run: (job, config = {}) => remote.call('run', remote.id, job, config),
      metrics: () => remote.call('metrics', remote.id),
      close: async () => {
        if (!open) return
        open = false
        if (!ending) ended.push(...(await remote.call('logs', remote.id, 0)))
        remotes.splice(remotes.indexOf(remote), 1)
        await keepWarnings(await remote.call('close', remote.id))
      },
    }
  }
  const { close, ...first } = instanceOf(remote, url)
  opened.defer(close)

  const mails: Mailbox = {
    url: mailsUrl,
    to: (address, count = 1, link = '') => call('emailTo', id, address, count, link),
    sentTo: address => call('emailsTo', id, address),
    all: () => call('emails', id),
    stalled: () => call('stalledEmails', id),
    // Cloning an Error drops its own fields.
    answer: refusal =>
      call('answerEmails', id, refusal && { message: refusal.message, responseCode: refusal.responseCode }),
    stall: count => call('stallEmails', id, count),
  }
  const redis = new Proxy({} as RedisCommander, {
    get: (_, command) =>
      // A proxy with a `then` property would be treated as a promise.
      command === 'then' || typeof command === 'symbol'
        ? undefined
        : (...args: (string | number | Buffer)[]) => call('redis', id, command, args),
  })
  const all: AsyncDisposableStack = opened.move()
  return {
    ...{ ...first, env, mails, clock, redis, keys: redisKeys(env.REDIS_PREFIX ?? '') },
    sql: async <Row extends object>(text: string, values: unknown[] = []) =>
      (await call('sql', id, text, values)) as Row[],
    keysLike: pattern => call('keysLike', id, pattern),
    dropKeys: keys => call('dropKeys', id, keys),
    logs: async (since = new Map()) => [
      ...ended,
      ...(await Promise.all(remotes.map(each => each.call('logs', each.id, since.get(each.id) ?? 0)))).flat(),
    ],
    newLogs: async () => {
      const found = await Promise.all(
        remotes.map(async each => {
          const from = seen.get(each.id) ?? 0
          const lines = await each.call('logs', each.id, from)
          seen.set(each.id, from + lines.length)
          return lines
        }),
      )
      return found.flat()
    },
    logMark: async () =>
      new Map(
        await Promise.all(
          remotes.map(async each => [each.id, await each.call('logLength', each.id)] as const),
        ),
      ),
    travel: async milliseconds => {
      clock.shift = milliseconds
      await Promise.all(remotes.map(each => each.call('travel', each.id, milliseconds)))
    },
    instance: async (more = {}) => {
      const joined = await callOther('join', { ...env, ...more }, clock.shift)
      const another = { call: callOther, id: joined.id }
      remotes.push(another)
      const instance = instanceOf(another, joined.url)
      all.defer(instance.close)
      return instance
    },
    issueOneTimeToken: (email, to) => call('issueOneTimeToken', id, email, to),
    deliver: emailId => call('deliver', id, emailId),
    queueEmail: email => call('queueEmail', id, email),
    startWorker: () => call('startWorker', id),
    stopWorker: () => call('stopWorker', id),
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
