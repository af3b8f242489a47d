import test from 'ava'
import { defaultTimeouts as timeouts } from '../../src/platform/config/timeouts.ts'
import { addEmailJobs } from '../../src/platform/mail/queue.ts'
import { compileAll } from '../../src/platform/mail/render.ts'
import { startWorker } from '../../src/processes/worker/start-worker.ts'
import { brokenInvariants } from '../chaos/invariants.ts'
import { startLoad } from '../chaos/load.ts'
import { anAccount, anEmail, password } from '../fixtures.ts'
import { openLocalWorld } from '../local-world.ts'
import { plainTheme } from '../theme.ts'
import { until } from '../until.ts'

await compileAll(plainTheme, ['en'])
const world = await openLocalWorld({ timeouts, singleRedis: true })
const other = await world.instance()
const workers = () => [startWorker(world.deps), startWorker(other.deps)]
test.after.always(() => world[Symbol.asyncDispose]())

const { redis, config } = world.deps
const queue = world.deps.queue.open()
const idle = () =>
  until('the queue to be empty', async () => {
    const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized')
    return Object.values(counts).every(count => count === 0)
  })
const key = (name: string) => `{${config.REDIS_PREFIX}}:mail:${name}`

test.serial(
  'the job of an email is added many times, before and after the send → the email is sent once',
  async t => {
    const emails = Array.from({ length: 10 }, anEmail)
    for (const email of emails) await world.client.post('register', { email, password })
    const rows = await world.sql<{ id: string }>('SELECT id FROM emails')
    const ids = rows.map(({ id }) => id)
    const addAll = async () => {
      const added = Array.from({ length: 10 }, (_, i) =>
        addEmailJobs((i % 2 ? other : world).deps.queue, ids),
      )
      await Promise.all(added)
    }
    await addAll()
    t.is(await queue.getJobCountByTypes('waiting'), ids.length)
    const running = workers()
    // Also during the send.
    for (const email of emails) {
      await addAll()
      await world.mails.to(email)
    }
    await idle()
    await addAll()
    await idle()
    for (const { close } of running) await close()
    const mailed = world.mails.caught.map(({ mail }) => mail.messageId).sort()
    t.deepEqual(mailed, ids.map(id => `<${id}@localhost>`).sort())
    const settled = await world.sql(`SELECT DISTINCT status FROM emails`)
    t.deepEqual(settled, [{ status: 'sent' }])
  },
)

/** Jobs that no version of this service writes. */
const invalidJobs: Record<string, (id: string) => Promise<unknown>> = {
  'without any content': id => redis.lpush(key('wait'), id),
  'whose data is not JSON': id =>
    redis.hset(key(id), {
      name: 'deliver',
      data: '{oops',
      opts: '{}',
      timestamp: '1',
      delay: '0',
      priority: '0',
    }),
  'with an email address as its id': () =>
    queue.add('deliver', { to: 'ann@example.com' } as never, { jobId: 'ann@example.com', attempts: 1 }),
  'with another name and data': () =>
    queue.add('__proto__', { id: ['x'], toString: null } as never, { jobId: '../../x', attempts: 1 }),
  'with SQL as its id': () => queue.add('deliver', {}, { jobId: `'; DROP TABLE emails; --`, attempts: 1 }),
}

test.serial('invalid jobs are in the queue → the worker continues and sends every email', async t => {
  const running = workers()
  t.teardown(() => Promise.all(running.map(({ close }) => close())))
  await using load = await startLoad(world, { urls: [world.url] })
  for (const [what, add] of Object.entries(invalidJobs)) {
    const id = `invalid-${what.replaceAll(' ', '-')}`
    await add(id)
    if ((await redis.exists(key(id))) === 1) await redis.lpush(key('wait'), id)
    const { email } = await anAccount(world.client)
    t.truthy(await world.mails.to(email), `an email after a job ${what}`)
  }
  await load.stop()
  t.deepEqual(await brokenInvariants(load), [])
  // An unreadable job waits as if its worker had died, and is tried again once.
  t.true((await redis.llen(key('wait'))) === 0)
  t.true(world.logs.filter(line => line.includes('"mail worker"')).length < 50, 'the worker does not loop')
  t.false(world.logs.some(line => line.includes('ann@example.com')))
})
