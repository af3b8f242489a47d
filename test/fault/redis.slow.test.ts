import test from 'ava'
import { lastUntilFelt, onRoute, openAdmin, runFaults } from '../chaos/fault-run.ts'
import { openRedisFaultWorld } from '../chaos/fault-world.ts'
import { anAccount } from '../fixtures.ts'
import { timed } from '../proxied-instance.ts'
import { until } from '../until.ts'

const setup = await openRedisFaultWorld()
const { world, urls, server: redis } = setup
const admin = openAdmin(redis.url)
test.after.always(async () => {
  await setup[Symbol.asyncDispose]()
  admin.disconnect()
})

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
  // Three waves at least: on a slow machine one takes longer than a second.
  for (const end = Date.now() + 4000; Date.now() < end || answers.length <= 100; ) {
    answers.push(...(await wave()))
    queued.push(pending())
  }
  await redis.resume()
  t.deepEqual([...new Set(answers.map(({ reply }) => reply.status))], [503])
  t.true(Math.max(...answers.map(({ took }) => took)) < 5000)
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
