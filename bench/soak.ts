import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFile, mkdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { inspect, parseArgs, promisify } from 'node:util'
import { onFreePort } from '../src/platform/base/free-port.ts'
import { openBalancer } from './balancer.ts'
import { type Ask, openAsk } from './soak-ask.ts'
import { refresh, signIn } from './soak-clients.ts'
import { chosen, openCourse } from './soak-course.ts'
import { openMail } from './soak-mail.ts'
import { type MailTally, noteMail, tallyMails, untilDrained } from './soak-outbox.ts'
import { openProcess, type Process } from './soak-processes.ts'
import { holds, type Run } from './soak-promises.ts'
import { load, markdown, write } from './soak-report.ts'
import { askRedis, openPostgresStore, openRedisStore } from './soak-servers.ts'
import type { Place } from './soak-strikes.ts'
import { openTally, type Tally } from './soak-tally.ts'
import { openTraffic, type Traffic } from './soak-traffic.ts'

// Does the service keep its promises for as long as everything around it breaks, one thing after the other, while
// honest clients and hostile ones go on? Ends with 0 where it did.

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
const list = chosen(given.faults)

const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => stop.abort(new Error(`ended by ${name}`)))

const aPort = (): Promise<string> => onFreePort(undefined, async port => String(port))

// All clients come from one address: what is counted by address would refuse them. The rest is as it comes.
const limits = 'register=1000000/15m,login=1000000/15m,anonymous=1000000/15m,mail_ip=1000000/1h'

const environment = (databaseUrl: string, redisUrl: string, smtpUrl: string) => ({
  PATH: process.env.PATH ?? '',
  NODE_ENV: 'production',
  DATABASE_URL: databaseUrl,
  REDIS_URL: redisUrl,
  SMTP_URL: smtpUrl,
  APP_SECRET: randomBytes(32).toString('base64'),
  PUBLIC_URL: 'https://auth.soak.test',
  TRUSTED_PROXIES: '1',
  ACCESS_TOKEN_TTL: '2m',
  BCRYPT_COST: cost,
  RATE_LIMITS: limits,
})

const sampled = async (processes: Process[], signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    await sleep(10_000, null, { signal }).catch(() => {})
    await Promise.all(processes.map(({ measure }) => measure()))
  }
}

/** Everything in Redis is gone: no session may be left, everybody may sign in again, and mails go out. */
const flush = async (
  place: Place,
  ask: Ask,
  tally: Tally,
  { accounts }: Traffic,
): Promise<Run['flushed']> => {
  const before = accounts.flatMap(({ session }) => (session ? [session] : []))
  await askRedis(place.redis.url, redis => redis.flushall())
  const statuses: number[] = []
  for (const { refresh } of before) {
    const body = { refresh_token: refresh }
    statuses.push((await ask({ path: 'refresh', body, as: 'refresh (after FLUSHALL)' })).status)
  }
  const account = accounts.find(each => each.maybe === null && each.resets === 0)
  if (!account) throw new Error('nobody is left to sign in')
  await signIn({ ask, tally, account })
  const signedIn = account.session !== null
  await refresh({ ask, tally, account })
  const mailsBefore = place.mail.came.size
  await ask({ path: 'forgot-password', body: { email: account.email } })
  for (let left = 300; left > 0 && place.mail.came.size === mailsBefore; left--) await sleep(100)
  const mailed = place.mail.came.size > mailsBefore
  return { sessions: before.length, lost: statuses.filter(status => status === 401).length, signedIn, mailed }
}

const soak = async (): Promise<boolean> => {
  await using stack = new AsyncDisposableStack()
  const before = load()
  const tally = openTally()
  const errors = new Map<string, number>()
  const course = openCourse(list, minutes * 60_000, tally)
  let onLetter: Traffic['onLetter'] = () => {}

  const postgres = stack.use(await openPostgresStore())
  const redis = stack.use(await openRedisStore())
  const seen = { onLetter: (letter: Parameters<typeof onLetter>[0]) => onLetter(letter) }
  const mail = stack.use(await openMail({ ...seen, onMail: id => noteMail(tally, id) }))
  const env = environment(postgres.url, redis.url, mail.url)
  const migrate = fileURLToPath(new URL('../src/migrate.ts', import.meta.url))
  await promisify(execFile)(process.execPath, [migrate], { env, signal: stop.signal })

  if (given.logs) await mkdir(given.logs, { recursive: true })
  const launch = async (kind: 'api' | 'worker', name: string) => {
    const port = await aPort()
    const own: Record<string, string> = { ...env, PORT: port, METRICS_PORT: await aPort() }
    const opened = await openProcess(kind, name, own, {
      onDeath: dead => tally.wrong('processes that ended by themselves', dead),
      onError: line => errors.set(line, (errors.get(line) ?? 0) + 1),
      onBusy: id => tally.busy.add(id),
      onLine: (from, line) => {
        if (given.logs) appendFile(`${given.logs}/${from}.log`, `${line}\n`).catch(() => {})
      },
    })
    return { port: Number(port), process: stack.use(opened) }
  }
  const apis = [await launch('api', 'api-1'), await launch('api', 'api-2')]
  const workers = [await launch('worker', 'worker-1'), await launch('worker', 'worker-2')]
  const balancer = stack.use(await openBalancer(apis.map(({ port }) => port)))
  const { ask } = stack.use(openAsk(balancer.port, tally))
  const place: Place = {
    ...{ postgres, redis, mail },
    apis: apis.map(each => each.process),
    workers: workers.map(each => each.process),
    press: () => ask({ path: 'verify-email', method: 'GET', as: 'verify-email (page, crowd)' }),
  }
  await sleep(1500, null, { signal: stop.signal })

  const traffic = openTraffic(ask, tally, course.near)
  onLetter = traffic.onLetter
  await traffic.seed(stop.signal)
  const over = new AbortController()
  const processes = [...place.apis, ...place.workers]
  const background = [traffic.run(rate, over.signal), sampled(processes, over.signal)]
  const ownStart = process.memoryUsage().rss
  await course.run(place, stop.signal).finally(() => over.abort())
  await Promise.all(background)
  process.stderr.write('the course is over: waiting for mails\n')
  await untilDrained(postgres.url, traffic.accounts, drainTimeoutMs, stop.signal)
  await Promise.all(processes.map(({ measure }) => measure()))
  const mails: MailTally = await tallyMails(postgres.url, mail, traffic.accounts, tally)
  const flushed = await flush(place, ask, tally, traffic)

  const own = process.memoryUsage()
  const megabytes = (bytes: number): number => bytes / 2 ** 20
  const run: Run = {
    ...{ tally, struck: course.struck, mails, errors, minutes, rate, cost, flushed },
    memory: [
      ...processes.map(({ name, memory }): Run['memory'][number] => [name, memory]),
      [
        'the soak itself, balancer and mail server included',
        {
          ...{
            starts: 1,
            first: megabytes(ownStart),
            last: megabytes(own.rss),
            heap: megabytes(own.heapUsed),
          },
          most: megabytes(Math.max(ownStart, own.rss)),
        },
      ],
    ],
    loads: [before, load()],
    versions: {
      Node: process.versions.node,
      Postgres: await postgres.version(),
      Redis: await redis.version(),
    },
  }
  const text = markdown(run)
  process.stdout.write(text)
  // A short or partial run is for trying: what is written down is a whole one.
  const target = given.report ?? (minutes >= 10 && !given.faults ? report : null)
  if (target) await write(target, text)
  return holds(run)
}

// Clients that go on trying for a while hold up nobody: everything else has ended.
try {
  process.exit((await soak()) ? 0 : 1)
} catch (fault) {
  const { aborted, reason } = stop.signal
  process.stderr.write(aborted ? `${reason.message}; nothing is left running\n` : `${inspect(fault)}\n`)
  process.exit(aborted ? 130 : 1)
}
