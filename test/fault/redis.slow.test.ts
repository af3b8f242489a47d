import test from 'ava'
import { timeouts } from '../../src/platform/config/timeouts.ts'
import { anAccount } from '../fixtures.ts'
import { openLocalWorld } from '../local-world.ts'
import { timed } from '../proxied-instance.ts'
import { until } from '../until.ts'
import { openOwnRedis } from './servers.ts'
import { lasts, onRoute, openAdmin, roomyLimits, storm, takeTurn } from './storm.ts'

const turn = await takeTurn('redis')
const redis = await openOwnRedis()
const admin = openAdmin(redis.url)
const world = await openLocalWorld({
  timeouts,
  worker: true,
  servers: { redisUrl: redis.url },
  env: { RATE_LIMITS: roomyLimits },
})
const other = await world.instance()
test.after.always(async () => {
  await redis.resume()
  await world[Symbol.asyncDispose]()
  admin.disconnect()
  await redis[Symbol.asyncDispose]()
  await turn[Symbol.asyncDispose]()
})

const urls = [world.url, other.url]

test.serial('a Redis that hangs is answered by 503 in time, and by a clean recovery', async t => {
  const met = await storm(t, {
    world,
    urls,
    gusts: {
      'a standstill': async crowd => {
        await redis.pause()
        await lasts(crowd, 3000)
        await redis.resume()
      },
      'CLIENT PAUSE': async crowd => {
        await admin.client('PAUSE', 2500, 'ALL')
        await lasts(crowd, 2500)
      },
    },
  })
  for (const [gust, answers] of Object.entries(met)) {
    const { median } = onRoute(answers, 'me')
    t.true(median < 1500, `${gust}: ${median} ms`)
    for (const route of ['register', 'forgot-password'])
      t.is(onRoute(answers, route).counts[503], undefined, `${gust}: ${route} goes on`)
  }
})

test.serial('a flood while Redis hangs piles nothing up', async t => {
  const { access } = await anAccount(world.client)
  const pending = () => {
    const { commandQueue, offlineQueue } = world.deps.redis as unknown as Record<string, { length: number }>
    return (commandQueue?.length ?? 0) + (offlineQueue?.length ?? 0)
  }
  const wave = () =>
    Promise.all(Array.from({ length: 50 }, () => timed(world.client.get('me', { token: access }))))
  const heap = () => process.memoryUsage().heapUsed
  await wave()
  const before = heap()

  await redis.pause()
  const answers = []
  const queued: number[] = []
  for (const end = Date.now() + 4000; Date.now() < end; ) {
    answers.push(...(await wave()))
    queued.push(pending())
  }
  await redis.resume()
  t.deepEqual([...new Set(answers.map(({ reply }) => reply.status))], [503])
  t.true(Math.max(...answers.map(({ took }) => took)) < 5000)
  t.true(answers.length > 100)
  // A connection that says nothing for 2 s is given up, and what waits on it with it.
  t.true(Math.max(...queued) < 3000, `${Math.max(...queued)} commands waited`)
  await until('nothing waits', () => pending() === 0)
  await until('all are served', async () => (await wave()).every(({ reply }) => reply.status === 200), 30_000)
  t.true(heap() - before < 150e6, `${heap() - before} bytes more`)
})
