import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import type { RedisKey } from 'ioredis'
import type { Deps } from '../src/deps.ts'
import { eraseAccounts } from '../src/features/accounts/erase-accounts.ts'
import { resealRows } from '../src/features/app-secret/reseal-rows.ts'
import { purgeEvents } from '../src/features/audit/purge-events.ts'
import { purgeFactors } from '../src/features/factors/purge-factors.ts'
import { deliver } from '../src/features/mail-delivery/deliver.ts'
import { purgeDroppedEmails } from '../src/features/mail-delivery/purge-dropped-emails.ts'
import { purgeEmails } from '../src/features/mail-delivery/purge-emails.ts'
import { sweep } from '../src/features/mail-delivery/sweep.ts'
import { issueOneTimeToken } from '../src/features/one-time-tokens/issue-one-time-token.ts'
import { openFeedRepair } from '../src/features/revocations/open-feed-repair.ts'
import { settleEndings } from '../src/features/sessions/settle-endings.ts'
import { rotateWhenDue } from '../src/features/signing-keys/rotate-when-due.ts'
import type { Clock } from '../src/platform/base/clock.ts'
import { emailOf } from '../src/platform/catalog/email-definition.ts'
import { type Hasher, openHasher } from '../src/platform/crypto/password.ts'
import type { Email } from '../src/platform/mail/entity.ts'
import { type NewEmail, queueEmail, startDelivery } from '../src/platform/mail/outbox.ts'
import { openTransport } from '../src/platform/mail/transport.ts'
import { runCommandLine } from '../src/processes/cli/run.ts'
import { type MailWorker, startWorker } from '../src/processes/worker/start-worker.ts'
import type { ShopConfig } from '../src/shop/catalog/variables.ts'
import { forgetBuyers } from '../src/shop/purchases/forget-buyers.ts'
import { inviteBuyers } from '../src/shop/purchases/invite-buyers.ts'
import { reconcile } from '../src/shop/purchases/reconcile.ts'
import {
  generousTimeouts,
  type LocalInstance,
  type LocalWorld,
  logTo,
  openInstance,
  openLocalWorld,
  type WorldOptions,
} from './local-world.ts'
import type { Refusal } from './mail-sink.ts'
import { dropKeys, keysOf } from './redis-keys.ts'
import { recordStatements, statementsWithoutIndex } from './statements.ts'
import { isWarning } from './warnings.ts'

// A process that runs the service for test files. `test/run.ts` starts two of them, so that two instances of one world run
// in separate processes. Test files then do not load the service, and its code is compiled once a run.
// Each test file still has its own database, Redis prefix and mail server.

type Hosted = LocalInstance & { clock: Clock; logs: string[]; world?: LocalWorld; worker?: MailWorker }

const hosted = new Map<string, Hosted>()

const statements = recordStatements()

const find = (id: string): Hosted => {
  const found = hosted.get(id)
  if (!found) throw new Error('This world is closed')
  return found
}
const findWorld = (id: string): LocalWorld => {
  const { world } = find(id)
  if (!world) throw new Error('This is another instance, not a world')
  return world
}
const register = (instance: Hosted): string => {
  const id = randomUUID()
  hosted.set(id, instance)
  return id
}

const jobs = {
  ...{ eraseAccounts, forgetBuyers, purgeDroppedEmails, inviteBuyers },
  ...{ purgeEmails, purgeEvents, purgeFactors, reconcile, resealRows, rotateWhenDue, settleEndings, sweep },
  // Starts anew, as after a restart of the worker.
  repairFeed: async (deps: Deps) => {
    await openFeedRepair()(deps)
    return 0
  },
}

/** An email that a test queues, by its kind. */
export type QueuedEmail = Omit<NewEmail<string>, 'data'> & { kind: string; data?: Record<string, string> }

/** The worker jobs that a test can run directly. */
export type JobName = keyof typeof jobs

// All worlds share hash threads, because starting a thread costs more CPU than all hashes of a test file.
const hasher = openHasher({ cost: 4, threads: 2, maxQueue: 1000, timeoutMs: 60_000 })
const hasherOf = (cost: string | undefined): Hasher | undefined => (cost === '4' ? hasher : undefined)

const calls = {
  open: async (options: WorldOptions) => {
    const world = await openLocalWorld({ ...options, hasherOf })
    const { env, url, deps, client, warm, clock, logs, mails } = world
    const close = async () => world[Symbol.asyncDispose]()
    return {
      id: register({ url, deps, client, warm, clock, logs, world, close }),
      env,
      url,
      mailsUrl: mails.url,
    }
  },
  /** Opens an instance over the stores of a world that another host has opened. */
  join: async (env: Record<string, string>, shift: number) => {
    const clock: Clock = { shift }
    const logs: string[] = []
    const log = logTo(logs, env.LOG_LEVEL as 'debug')
    const instance = await openInstance({ env, clock, log, hasher: hasherOf(env.BCRYPT_COST) })
    return { id: register({ ...instance, clock, logs }), url: instance.url }
  },
  /** Closes a world or an instance. Returns its logged warnings and errors. */
  close: async (id: string) => {
    const { close, worker, logs } = find(id)
    await worker?.close()
    await close()
    hosted.delete(id)
    return logs.filter(isWarning)
  },
  logs: async (id: string, from: number) => find(id).logs.slice(from),
  logLength: async (id: string) => find(id).logs.length,
  travel: async (id: string, shift: number) => {
    find(id).clock.shift = shift
  },
  warm: async (id: string) => find(id).warm(),
  run: async (id: string, job: JobName, config: Partial<ShopConfig>): Promise<number> => {
    const { deps } = find(id)
    return Number(await jobs[job]({ ...deps, config: { ...deps.config, ...config } }))
  },
  /** Delivers an email as a worker does, even without a job for it. */
  deliver: async (id: string, emailId: string) => {
    using transport = openTransport(findWorld(id).mails.url)
    return await deliver({ ...find(id).deps, transport }, emailId)
  },
  /** Adds an email to the outbox and the queue, as the service does. */
  queueEmail: async (id: string, { kind, data = {}, ...email }: QueuedEmail) => {
    const { deps } = find(id)
    const definition = emailOf(deps.emails, kind)
    await startDelivery(deps, [await queueEmail(deps.database.manager, definition, { ...email, data })])
  },
  metrics: async (id: string) => find(id).deps.metrics.text(),
  issueOneTimeToken: async (id: string, email: Email, to: { userId: string; address: string }) => {
    const { deps } = find(id)
    const { token } = emailOf(deps.emails, email.kind)
    if (!token) throw new Error(`${email.kind} has no token`)
    return issueOneTimeToken(deps, email, token, to)
  },
  startWorker: async (id: string) => {
    const found = find(id)
    found.worker ??= startWorker(found.deps)
  },
  stopWorker: async (id: string) => {
    const found = find(id)
    await found.worker?.close()
    delete found.worker
  },
  sql: async (id: string, text: string, values: unknown[]) => findWorld(id).sql<object>(text, values),
  redis: async (id: string, command: string, args: (string | number | Buffer)[]) => {
    const { redis } = find(id).deps
    const run = redis[command as 'get'] as unknown
    if (typeof run !== 'function') throw new Error(`Redis has no command ${command}`)
    return run.apply(redis, args) as unknown
  },
  keysLike: async (id: string, pattern: string) => {
    const { redis, config } = find(id).deps
    return keysOf(redis, config.REDIS_PREFIX, pattern)
  },
  dropKeys: async (id: string, keys: (RedisKey & string)[]) => dropKeys(find(id).deps.redis, keys),
  emailTo: async (id: string, address: string, count: number, link: string) =>
    findWorld(id).mails.to(address, count, link),
  emailsTo: async (id: string, address: string) => findWorld(id).mails.sentTo(address),
  emails: async (id: string) => findWorld(id).mails.all(),
  stalledEmails: async (id: string) => findWorld(id).mails.stalled(),
  answerEmails: async (id: string, refusal: Refusal | null) => findWorld(id).mails.answer(refusal),
  stallEmails: async (id: string, count: number) => findWorld(id).mails.stall(count),
  /** Runs `latchkey` in this process, because a separate process costs half a second of CPU. */
  command: async (env: Record<string, string>, words: readonly string[], input: string) => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()]
    const [out, err] = [text(stdout), text(stderr)]
    const stdin = Readable.from(Buffer.from(input))
    const code = await runCommandLine([...words], { env, stdin, stdout, stderr, timeouts: generousTimeouts })
    stdout.end()
    stderr.end()
    return { code, out: await out, err: await err }
  },
}

/** The calls of test files to a host. Arguments and results are cloned, also dates and buffers. */
export type Calls = typeof calls

export type Called =
  | { value: unknown }
  | { error: { message: string; stack: string | undefined; code?: unknown; constraint?: unknown } }

const answer = async (body: Buffer): Promise<Called> => {
  try {
    const [name, ...args] = deserialize(body) as [keyof Calls, ...never[]]
    return { value: await (calls[name] as (...given: never[]) => Promise<unknown>)(...args) }
  } catch (error) {
    const { message, stack, code, constraint } = error as Error & { code?: unknown; constraint?: unknown }
    return { error: { message, stack, code, constraint } }
  }
}

// The path is a secret, because a caller can run any statement on the database.
const path = `/${randomBytes(24).toString('base64url')}`
const server = createServer(async (request, response) => {
  if (request.url !== path) return response.writeHead(404).end()
  response.end(serialize(await answer(await buffer(request))))
})
server.keepAliveTimeout = 0
server.listen(0, '127.0.0.1')
await once(server, 'listening')
process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}` })

// In production such an error ends the process. Here other test files continue, and the run fails at its end.
const onUncaught = (error: unknown): void => {
  process.stderr.write(`Uncaught error in a process that runs the service: ${inspect(error)}\n`)
  process.exitCode = 1
}
process.on('uncaughtException', onUncaught).on('unhandledRejection', onUncaught)

const reportStatements = async (): Promise<void> => {
  const template = new URL(String(process.env.TEST_DATABASE_URL))
  template.pathname = `/${process.env.TEST_TEMPLATE}`
  const found = await statementsWithoutIndex(template.href, statements.values())
  if (found.length > 0) process.exitCode = 1
  for (const fault of found) process.stderr.write(`${fault}\n`)
  const { TEST_STATEMENTS: path } = process.env
  if (path) await writeFile(`${path}.${process.pid}`, serialize([...statements.values()]))
}

// The run has ended or was killed, so this process deletes its databases and keys, and exits. If something still keeps it
// alive then, the service leaks a timer or a connection.
process.on('disconnect', async () => {
  const closing = [...hosted.keys()].map(calls.close)
  await Promise.race([Promise.allSettled(closing), sleep(5000, null, { ref: false })])
  server.close()
  server.closeAllConnections()
  await hasher[Symbol.asyncDispose]()
  await reportStatements().catch(onUncaught)
  setTimeout(() => {
    process.stderr.write(
      `A process that runs the service does not exit. Open resources: ${process.getActiveResourcesInfo()}\n`,
    )
    process.exit(1)
  }, 5000).unref()
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
