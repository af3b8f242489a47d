import test from 'ava'
import { timeouts } from '../../src/platform/config/timeouts.ts'
import { highLimits, lastUntilFelt, onRoute, openAdmin, runFaults, takeTurn } from '../chaos/fault-run.ts'
import { openOwnRedis } from '../chaos/servers.ts'
import { anAccount } from '../fixtures.ts'
import { openLocalWorld } from '../local-world.ts'
import { timed } from '../proxied-instance.ts'
import { until } from '../until.ts'

const turn = await takeTurn('redis')
const redis = await openOwnRedis()
const admin = openAdmin(redis.url)
const world = await openLocalWorld({
  timeouts,
  worker: true,
  servers: { redisUrl: redis.url },
  env: { RATE_LIMITS: highLimits },
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

test.serial('Redis hangs → 503 in time, and a clean recovery', async t => {
  const answersDuring = await runFaults(t, {
    world,
    urls,
    faults: {
      'a standstill': async load => {
        await redis.pause()
        await lastUntilFelt(load, 3000)
        await redis.resume()
      },
      'CLIENT PAUSE': async load => {
        await admin.client('PAUSE', 2500, 'ALL')
        await lastUntilFelt(load, 2500)
      },
    },
  })
  for (const [fault, answers] of Object.entries(answersDuring)) {
    const { median } = onRoute(answers, 'me')
    t.true(median < 1500, `${fault}: ${median} ms`)
    for (const route of ['register', 'forgot-password'])
      t.is(onRoute(answers, route).counts[503], undefined, `${fault}: ${route} continues`)
  }
})

test.serial('many requests while Redis hangs → 503, and commands and memory do not pile up', async t => {
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
  // A connection without an answer for 2 s is closed, together with the commands that wait on it.
  t.true(Math.max(...queued) < 3000, `${Math.max(...queued)} commands waited`)
  await until('no command to wait', () => pending() === 0)
  await until(
    'every request to be served',
    async () => (await wave()).every(({ reply }) => reply.status === 200),
    30_000,
  )
  t.true(heap() - before < 150e6, `${heap() - before} bytes more`)
})
