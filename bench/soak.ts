import { appendFile, mkdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { inspect, parseArgs } from 'node:util'
import { onFreePort } from '../src/platform/base/free-port.ts'
import { openBalancer } from '../test/chaos/balancer.ts'
import { type Counters, openCounters } from '../test/chaos/counters.ts'
import type { System } from '../test/chaos/faults.ts'
import { openMailServer } from '../test/chaos/mail-server.ts'
import { type OpenLoop, openLoop } from '../test/chaos/open-loop.ts'
import { countEmails, noteDelivery, untilDrained } from '../test/chaos/outbox.ts'
import { openRecorder } from '../test/chaos/recorder.ts'
import { openOwnPostgres, openOwnRedis } from '../test/chaos/servers.ts'
import { openServiceProcess, type ServiceProcess } from '../test/chaos/service-process.ts'
import { testSecret } from '../test/template.ts'
import { flush } from './soak-flush.ts'
import { allHold, type Run } from './soak-invariants.ts'
import { load, markdown, write } from './soak-report.ts'
import { openSchedule, selectFaults } from './soak-schedule.ts'
import { versionsOf } from './versions.ts'

// Does every invariant hold while each part of the system fails, one after another, under a load of honest clients and
// attackers? Exits with 0 if so.

const report = fileURLToPath(new URL('./SOAK.md', import.meta.url))
const cost = '10'
const drainTimeoutMs = 240_000

const { values: given } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    rate: { type: 'string', default: '35' },
    faults: { type: 'string' },
    report: { type: 'string' },
    logs: { type: 'string' },
  },
})
const minutes = Number(given.minutes)
const rate = Number(given.rate)
if (!(minutes > 0 && rate > 0)) throw new Error('--minutes and --rate must be numbers above 0')
const list = selectFaults(given.faults)

const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => stop.abort(new Error(`ended by ${name}`)))

const aPort = (): Promise<string> => onFreePort(undefined, async port => String(port))

// All clients have one IP address, so limits that count by address are raised. All other limits keep their defaults.
const limits = 'register=1000000/15m,login=1000000/15m,anonymous=1000000/15m,mail_ip=1000000/1h'

/** Postgres with the durability of production. The fault tests turn it off for speed. */
const durable = ['fsync=on', 'full_page_writes=on', 'shared_buffers=128MB']

const environment = (databaseUrl: string, redisUrl: string, smtpUrl: string) => ({
  PATH: process.env.PATH ?? '',
  NODE_ENV: 'production',
  DATABASE_URL: databaseUrl,
  REDIS_URL: redisUrl,
  SMTP_URL: smtpUrl,
  // The database was migrated with it.
  APP_SECRET: testSecret,
  PUBLIC_URL: 'https://auth.soak.test',
  TRUSTED_PROXIES: '1',
  ACCESS_TOKEN_TTL: '2m',
  BCRYPT_COST: cost,
  RATE_LIMITS: limits,
})

const measure = async (processes: ServiceProcess[], signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    await sleep(10_000, null, { signal }).catch(() => {})
    await Promise.all(processes.map(({ measure }) => measure()))
  }
}

type Launched = { port: string; process: ServiceProcess }

const launch = async (
  kind: 'api' | 'worker',
  name: string,
  env: Record<string, string>,
  { counters, errors }: { counters: Counters; errors: Map<string, number> },
): Promise<Launched> => {
  const port = await aPort()
  const own = { ...env, PORT: port, METRICS_PORT: await aPort() }
  const opened = await openServiceProcess(kind, name, own, {
    onUnexpectedExit: exited => counters.violation('processes that exited unexpectedly', exited),
    onError: line => errors.set(line, (errors.get(line) ?? 0) + 1),
    onBusy: id => counters.busy.add(id),
    onLine: (from, line) => {
      if (given.logs) appendFile(`${given.logs}/${from}.log`, `${line}\n`).catch(() => {})
    },
  })
  return { port, process: opened }
}

const megabytes = (bytes: number): number => bytes / 2 ** 20

const memoryOf = (processes: ServiceProcess[], first: number): Run['memory'] => {
  const { rss, heapUsed } = process.memoryUsage()
  const own = {
    ...{ starts: 1, first: megabytes(first), last: megabytes(rss), heap: megabytes(heapUsed) },
    most: megabytes(Math.max(first, rss)),
  }
  return [
    ...processes.map(({ name, memory }): Run['memory'][number] => [name, memory]),
    ['the soak itself, balancer and mail server included', own],
  ]
}

const soak = async (): Promise<boolean> => {
  await using stack = new AsyncDisposableStack()
  const before = load()
  const counters = openCounters()
  const errors = new Map<string, number>()
  const schedule = openSchedule(list, minutes * 60_000, counters)
  let onLink: OpenLoop['onLink'] = () => {}

  const postgres = stack.use(await openOwnPostgres(durable))
  const redis = stack.use(await openOwnRedis())
  const mail = stack.use(
    await openMailServer({ onLink: email => onLink(email), onEmail: id => noteDelivery(counters, id) }),
  )
  const env = environment(postgres.url, redis.url, mail.url)
  if (given.logs) await mkdir(given.logs, { recursive: true })
  const start = async (kind: 'api' | 'worker', name: string) => {
    const launched = await launch(kind, name, env, { counters, errors })
    stack.use(launched.process)
    return launched
  }
  const apis = [await start('api', 'api-1'), await start('api', 'api-2')]
  const workers = [await start('worker', 'worker-1'), await start('worker', 'worker-2')]
  const balancer = stack.use(await openBalancer())
  balancer.setInstances(apis.map(({ port }) => `http://127.0.0.1:${port}`))
  const recorder = openRecorder({ urls: () => [balancer.url], onAnswer: counters.answered })
  const page = { path: 'verify-email', method: 'GET', route: 'verify-email (page, extra load)' }
  const system: System = {
    ...{ postgres, redis, mail },
    apis: apis.map(each => each.process),
    workers: workers.map(each => each.process),
    sendRequest: () => recorder.request({ ...page, actor: 'honest' }),
  }
  await sleep(1500, null, { signal: stop.signal })

  const traffic = openLoop(recorder, counters, schedule.nearFault)
  onLink = traffic.onLink
  await traffic.seed(stop.signal)
  const over = new AbortController()
  const processes = [...system.apis, ...system.workers]
  const background = [traffic.run(rate, over.signal), measure(processes, over.signal)]
  const ownStart = process.memoryUsage().rss
  await schedule.run(system, stop.signal).finally(() => over.abort())
  await Promise.all(background)
  process.stderr.write('the faults are over: waiting for emails\n')
  await untilDrained(postgres.url, traffic.accounts, drainTimeoutMs, stop.signal)
  await Promise.all(processes.map(({ measure }) => measure()))
  const emails = await countEmails(postgres.url, mail.arrived, traffic.accounts, counters)
  const flushed = await flush(system, traffic)

  const run: Run = {
    ...{ counters, spans: schedule.spans, emails, errors, minutes, rate, cost, flushed },
    memory: memoryOf(processes, ownStart),
    loads: [before, load()],
    versions: await versionsOf(postgres.url, redis.url),
  }
  const text = markdown(run)
  process.stdout.write(text)
  // Only a whole run replaces the report. A short or partial one is for trying out.
  const target = given.report ?? (minutes >= 10 && !given.faults ? report : null)
  if (target) await write(target, text)
  return allHold(run)
}

// Exit here, since clients that still retry would keep the process alive. Everything else has ended.
try {
  process.exit((await soak()) ? 0 : 1)
} catch (error) {
  const { aborted, reason } = stop.signal
  process.stderr.write(aborted ? `${reason.message}; nothing is left running\n` : `${inspect(error)}\n`)
  process.exit(aborted ? 130 : 1)
}
