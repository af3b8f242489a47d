import test from 'ava'
import { timeouts } from '../../src/platform/config/timeouts.ts'
import { addMails } from '../../src/platform/mail/queue.ts'
import { compileAll } from '../../src/platform/mail/render.ts'
import { startWorker } from '../../src/processes/worker/start-worker.ts'
import { anAccount, anEmail, password } from '../fixtures.ts'
import { openLocalWorld } from '../local-world.ts'
import { plainTheme } from '../theme.ts'
import { until } from '../until.ts'
import { brokenInvariants } from './invariants.ts'
import { startCrowd } from './traffic.ts'

await compileAll(plainTheme, ['en'])
const world = await openLocalWorld({ timeouts, singleRedis: true })
const other = await world.instance()
const workers = () => [startWorker(world.deps), startWorker(other.deps)]
test.after.always(() => world[Symbol.asyncDispose]())

const { queue, redis, config } = world.deps
const idle = () =>
  until('the queue to be empty', async () => {
    const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized')
    return Object.values(counts).every(count => count === 0)
  })
const key = (name: string) => `{${config.REDIS_PREFIX}}:mail:${name}`

test.serial(
  'a mail whose job is added again and again, before and after it was sent, is sent once',
  async t => {
    const emails = Array.from({ length: 10 }, anEmail)
    for (const email of emails) await world.client.post('register', { email, password })
    const rows = await world.sql<{ id: string }>('SELECT id FROM emails')
    const ids = rows.map(({ id }) => id)
    const addAll = async () => {
      const added = Array.from({ length: 10 }, (_, i) =>
        addMails([world, other][i % 2]?.deps.queue ?? queue, ids),
      )
      await Promise.all(added)
    }
    await addAll()
    t.is(await queue.getJobCountByTypes('waiting'), ids.length)
    const running = workers()
    // While they are being sent, too.
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

/** Jobs as no version of this service writes them. */
const poisons: Record<string, (id: string) => Promise<unknown>> = {
  'without any content': id => redis.lpush(key('wait'), id),
  'whose data is no JSON': id =>
    redis.hset(key(id), {
      name: 'deliver',
      data: '{oops',
      opts: '{}',
      timestamp: '1',
      delay: '0',
      priority: '0',
    }),
  'with an address for an id': () =>
    queue.add('deliver', { to: 'ann@example.com' } as never, { jobId: 'ann@example.com', attempts: 1 }),
  'of another name, with data': () =>
    queue.add('__proto__', { id: ['x'], toString: null } as never, { jobId: '../../x', attempts: 1 }),
  'with an id that is SQL': () =>
    queue.add('deliver', {}, { jobId: `'; DROP TABLE emails; --`, attempts: 1 }),
}

test.serial(
  'jobs that nobody could have written stop neither the mails of a crowd nor the worker',
  async t => {
    const running = workers()
    t.teardown(() => Promise.all(running.map(({ close }) => close())))
    await using crowd = await startCrowd(world, { urls: [world.url] })
    for (const [what, add] of Object.entries(poisons)) {
      const id = `poison-${what.replaceAll(' ', '-')}`
      await add(id)
      if ((await redis.exists(key(id))) === 1) await redis.lpush(key('wait'), id)
      const { email } = await anAccount(world.client)
      t.truthy(await world.mails.to(email), `a mail after a job ${what}`)
    }
    await crowd.stop()
    t.deepEqual(await brokenInvariants(crowd), [])
    // What cannot be read waits as if its worker had died, and is tried once more.
    t.true((await redis.llen(key('wait'))) === 0)
    t.true(world.logs.filter(line => line.includes('"mail worker"')).length < 50, 'no loop')
    t.false(world.logs.some(line => line.includes('ann@example.com')))
  },
)
