import test from 'ava'
import { v7 as uuid } from 'uuid'
import { open } from '../../../src/open.ts'
import { addEmailJobs } from '../../../src/platform/mail/queue.ts'
import { openLocalWorld } from '../../local-world.ts'
import { openProxy } from '../../proxy.ts'
import { until } from '../../until.ts'

const world = await openLocalWorld({ singleRedis: true })
test.after.always(() => world[Symbol.asyncDispose]())

const { hostname, port } = new URL(world.config.REDIS_URL)

for (const fault of ['cut', 'pause'] as const)
  test(`Redis is ${{ cut: 'down', pause: 'silent' }[fault]} at the start → emails are queued once it is back`, async t => {
    await using proxy = await openProxy(hostname, Number(port))
    proxy[fault]()
    const config = { ...world.config, REDIS_URL: proxy.through(world.config.REDIS_URL) }
    await using deps = await open(config, world.deps.log)
    const id = uuid()
    await t.throwsAsync(addEmailJobs(deps.queue, [id]))
    proxy.heal()
    await until('the queue to accept an email', () =>
      addEmailJobs(deps.queue, [id]).then(
        () => true,
        () => false,
      ),
    )
    t.truthy(await world.deps.queue.open().getJob(id))
  })
