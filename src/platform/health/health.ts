import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import type { Deps } from '../../deps.ts'
import { named } from '../base/field-shapes.ts'
import { isOverload } from '../base/store-errors.ts'
import { publicRoute, type Route } from '../http/route.ts'
import { oldestUnsent } from '../mail/backlog.ts'
import { type QueueFault, queueFault } from '../mail/queue-state.ts'
import { pingRedis } from '../redis/redis.ts'

type Needs = Pick<Deps, 'database' | 'reads' | 'redis' | 'keys' | 'queue'>

const state = v.picklist(['up', 'down'])
const checks = v.object({ postgres: state, redis: state, queue: state })
const readyReply = named('Readiness', {
  /** `degraded`: requests are served, and emails wait until an operator has mended the queue. */
  status: v.picklist(['ready', 'degraded', 'not_ready', 'draining']),
  checks,
  /** 0 where none is older than a quarter of an hour; null where Postgres does not say. */
  oldest_unsent_mail_seconds: v.nullable(v.number()),
})

type Found = {
  body: { checks: v.InferOutput<typeof checks>; oldest_unsent_mail_seconds: number | null }
  /** Whether every store answers. */
  isServing: boolean
  /** What is wrong with the queue although it answers. */
  fault: QueueFault | null
}

const timeoutMs = 1000
const probeEvery = 1000

// In seconds. A younger one would tell everybody whether the address that they just asked a mail for has an account.
const worrying = 900

const inTime = async <T>(probe: Promise<T>): Promise<T | null> => {
  const late = new Promise<null>(resolve => setTimeout(resolve, timeoutMs, null).unref())
  return Promise.race([probe.catch(() => null), late])
}

// Where many wait for a connection, Postgres is busy and not gone.
const asSoonAsFree = async (ask: () => Promise<unknown>): Promise<unknown> => {
  for (const end = performance.now() + timeoutMs; ; await sleep(20)) {
    try {
      return await ask()
    } catch (error) {
      if (!isOverload(error) || performance.now() > end) throw error
    }
  }
}

// What every sign-in and every refresh needs of Postgres: the tables, times that the driver can read, and writing.
const askPostgres = async (database: Needs['database']): Promise<void> => {
  const [found]: { at: Date; read_only: string }[] = await database.query(
    `SELECT now() AS at, current_setting('transaction_read_only') AS read_only, EXISTS (SELECT FROM users) AS used`,
  )
  const isReadable = found?.at instanceof Date && !Number.isNaN(found.at.getTime())
  if (!isReadable || found.read_only !== 'off') throw new Error('Postgres cannot serve')
}

const upOrDown = (answer: unknown) => (answer === null ? ('down' as const) : ('up' as const))

const probe = async (deps: Needs): Promise<Found> => {
  const { database, reads, redis } = deps
  const [postgres, oldest, pong, queue] = await Promise.all([
    inTime(asSoonAsFree(() => askPostgres(database).then(() => true))),
    inTime(oldestUnsent(reads)),
    inTime(pingRedis(redis)),
    inTime(queueFault(deps).then(fault => ({ fault }))),
  ])
  const fault = queue?.fault ?? null
  const checks = { postgres: upOrDown(postgres), redis: upOrDown(pong), queue: upOrDown(queue) }
  const isServing = Object.values(checks).every(each => each === 'up')
  const oldestSeconds = oldest !== null && oldest < worrying ? 0 : oldest
  const told = { ...checks, queue: fault ? ('down' as const) : checks.queue }
  return { body: { checks: told, oldest_unsent_mail_seconds: oldestSeconds }, isServing, fault }
}

const queueWords: Record<QueueFault, string> = {
  refused: 'Redis refuses to queue emails: see "Redis" in docs/operations.md for what its user needs',
  no_worker: 'no worker takes emails: see the log of the worker',
  eviction: 'Redis may throw out sessions and emails that wait: set maxmemory-policy to noeviction',
}

const getLive = publicRoute({
  method: 'GET',
  path: '/livez',
  summary: 'Check whether the process runs',
  auth: 'none',
  limits: [],
  replies: { 200: v.object({ status: v.literal('alive') }) },
  problems: [],
  example: { reply: { status: 'alive' } },
  handle: async () => ({ status: 200, body: { status: 'alive' as const } }),
})

const getReady = (draining: () => boolean) => {
  // However many ask, the stores are asked once a second.
  let last: { at: number; found: Promise<Found> } | null = null
  let told: QueueFault | null = null
  const tell = ({ log }: Pick<Deps, 'log'>, found: Found): Found => {
    if (found.fault && found.fault !== told) log.error({ fault: found.fault }, queueWords[found.fault])
    told = found.fault
    return found
  }
  return publicRoute({
    method: 'GET',
    path: '/readyz',
    summary: 'Check whether the service can serve requests',
    auth: 'none',
    limits: [],
    replies: { 200: readyReply, 503: readyReply },
    problems: [],
    example: {
      reply: {
        status: 'ready',
        checks: { postgres: 'up', redis: 'up', queue: 'up' },
        oldest_unsent_mail_seconds: 0,
      },
    },
    handle: async deps => {
      if (!last || performance.now() - last.at > probeEvery)
        last = { at: performance.now(), found: probe(deps).then(found => tell(deps, found)) }
      const { body, isServing, fault } = await last.found
      if (draining()) return { status: 503, body: { status: 'draining' as const, ...body } }
      if (!isServing) return { status: 503, body: { status: 'not_ready' as const, ...body } }
      // A worker that is away is no reason to send requests nowhere: every instance would say so at once.
      return { status: 200, body: { status: fault ? ('degraded' as const) : ('ready' as const), ...body } }
    },
  })
}

/** `draining` tells whether this process is about to end. */
export const healthRoutes = (draining: () => boolean): Route[] => [getLive, getReady(draining)]
