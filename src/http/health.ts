import * as v from 'valibot'
import type { Deps } from '../deps.ts'
import { type Route, route } from './route.ts'

type Needs = Pick<Deps, 'database' | 'redis' | 'queue'>

const state = v.picklist(['up', 'down'])
const checks = v.object({ postgres: state, redis: state, queue: state })
const readyReply = v.object({ status: v.picklist(['ready', 'not_ready', 'draining']), checks })

type Checks = v.InferOutput<typeof checks>

const patience = 1000
const probeEvery = 1000

const up = async (probe: Promise<unknown>): Promise<'up' | 'down'> => {
  const late = new Promise<'down'>(resolve => setTimeout(resolve, patience, 'down').unref())
  return Promise.race([probe.then(() => 'up' as const).catch(() => 'down' as const), late])
}

const probe = async ({ database, redis, queue }: Needs): Promise<Checks> => {
  const [postgres, redisState, queueState] = await Promise.all([
    up(database.query('SELECT 1')),
    up(redis.ping()),
    up(queue.getJobCounts('waiting')),
  ])
  return { postgres, redis: redisState, queue: queueState }
}

const getLive = route({
  method: 'GET',
  path: '/livez',
  summary: 'Whether the process lives',
  auth: 'none',
  limits: [],
  replies: { 200: v.object({ status: v.literal('alive') }) },
  problems: [],
  handle: async () => ({ status: 200, body: { status: 'alive' as const } }),
})

const getReady = (draining: () => boolean) => {
  // However many ask, the stores are asked once a second.
  let last: { at: number; checks: Promise<Checks> } | null = null
  return route({
    method: 'GET',
    path: '/readyz',
    summary: 'Whether the service can serve, store by store',
    auth: 'none',
    limits: [],
    replies: { 200: readyReply, 503: readyReply },
    problems: [],
    handle: async deps => {
      if (!last || performance.now() - last.at > probeEvery)
        last = { at: performance.now(), checks: probe(deps) }
      const found = await last.checks
      if (draining()) return { status: 503, body: { status: 'draining' as const, checks: found } }
      const ready = Object.values(found).every(each => each === 'up')
      return ready
        ? { status: 200, body: { status: 'ready' as const, checks: found } }
        : { status: 503, body: { status: 'not_ready' as const, checks: found } }
    },
  })
}

/** `draining` tells whether this process is about to end. */
export const healthRoutes = (draining: () => boolean): Route[] => [getLive, getReady(draining)]
