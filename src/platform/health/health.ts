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
  /** `degraded`: requests are served, but emails wait until an operator has fixed the queue. */
  status: v.picklist(['ready', 'degraded', 'not_ready', 'draining']),
  checks,
  /** 0 if no email is older than 15 minutes; null if Postgres does not answer. */
  oldest_unsent_mail_seconds: v.nullable(v.number()),
})

type Readiness = {
  body: { checks: v.InferOutput<typeof checks>; oldest_unsent_mail_seconds: number | null }
  /** Whether every store answers. */
  isServing: boolean
  /** Why the queue does not deliver, although Redis answers. */
  fault: QueueFault | null
}

const timeoutMs = 1000
const probeEveryMs = 1000

// The age of a younger email is not reported: it would reveal to a client whether the address that it just requested an
// email for has an account.
const reportedAfterSeconds = 900

const withTimeout = async <T>(probe: Promise<T>): Promise<T | null> => {
  const timeout = new Promise<null>(resolve => setTimeout(resolve, timeoutMs, null).unref())
  return Promise.race([probe.catch(() => null), timeout])
}

// If the pool has no free connection, Postgres is busy but up: retry until the timeout.
const retryOverload = async (query: () => Promise<unknown>): Promise<unknown> => {
  for (const end = performance.now() + timeoutMs; ; await sleep(20)) {
    try {
      return await query()
    } catch (error) {
      if (!isOverload(error) || performance.now() > end) throw error
    }
  }
}

// Checks what every login and refresh needs of Postgres: the tables, times that the driver can parse, and write access.
const checkPostgres = async (database: Needs['database']): Promise<void> => {
  const [found]: { at: Date; read_only: string }[] = await database.query(
    `SELECT now() AS at, current_setting('transaction_read_only') AS read_only, EXISTS (SELECT FROM users) AS used`,
  )
  const isReadable = found?.at instanceof Date && !Number.isNaN(found.at.getTime())
  if (!isReadable || found.read_only !== 'off') throw new Error('Postgres cannot serve')
}

const upOrDown = (answer: unknown) => (answer === null ? ('down' as const) : ('up' as const))

const probe = async (deps: Needs): Promise<Readiness> => {
  const { database, reads, redis } = deps
  const [postgres, oldest, pong, queue] = await Promise.all([
    withTimeout(retryOverload(() => checkPostgres(database).then(() => true))),
    withTimeout(oldestUnsent(reads)),
    withTimeout(pingRedis(redis)),
    withTimeout(queueFault(deps).then(fault => ({ fault }))),
  ])
  const fault = queue?.fault ?? null
  const checks = { postgres: upOrDown(postgres), redis: upOrDown(pong), queue: upOrDown(queue) }
  const isServing = Object.values(checks).every(each => each === 'up')
  const oldestSeconds = oldest !== null && oldest < reportedAfterSeconds ? 0 : oldest
  const reported = { ...checks, queue: fault ? ('down' as const) : checks.queue }
  return { body: { checks: reported, oldest_unsent_mail_seconds: oldestSeconds }, isServing, fault }
}

const queueFaultMessages: Record<QueueFault, string> = {
  refused: 'Redis refuses to queue emails: see "Redis" in docs/operations.md for what its user needs',
  no_worker: 'no worker takes emails: see the log of the worker',
  eviction: 'Redis may evict sessions and queued emails: set maxmemory-policy to noeviction',
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
  // The stores are probed at most once a second, regardless of the number of requests.
  let last: { at: number; found: Promise<Readiness> } | null = null
  let loggedFault: QueueFault | null = null
  const logNewFault = ({ log }: Pick<Deps, 'log'>, found: Readiness): Readiness => {
    if (found.fault && found.fault !== loggedFault)
      log.error({ fault: found.fault }, queueFaultMessages[found.fault])
    loggedFault = found.fault
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
      if (!last || performance.now() - last.at > probeEveryMs)
        last = { at: performance.now(), found: probe(deps).then(found => logNewFault(deps, found)) }
      const { body, isServing, fault } = await last.found
      if (draining()) return { status: 503, body: { status: 'draining' as const, ...body } }
      if (!isServing) return { status: 503, body: { status: 'not_ready' as const, ...body } }
      // A missing worker must not fail this check: it would fail on every instance, and no request would be served.
      return { status: 200, body: { status: fault ? ('degraded' as const) : ('ready' as const), ...body } }
    },
  })
}

/** `draining` returns whether this process is shutting down. */
export const healthRoutes = (draining: () => boolean): Route[] => [getLive, getReady(draining)]
