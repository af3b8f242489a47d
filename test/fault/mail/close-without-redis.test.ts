import { once } from 'node:events'
import test from 'ava'
import { open } from '../../../src/open.ts'
import { addEmailJobs } from '../../../src/platform/mail/queue.ts'
import { anAccount } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { openProxy } from '../../proxy.ts'
import { dropKeys, keysOf } from '../../redis-keys.ts'
import { until } from '../../until.ts'

const world = await openLocalWorld({ singleRedis: true })
test.after.always(() => world[Symbol.asyncDispose]())

const { hostname, port } = new URL(world.config.REDIS_URL)

for (const fault of ['cut', 'pause', 'heal'] as const) {
  const state = { cut: 'down', pause: 'silent', heal: 'up' }[fault]
  test(`SIGTERM to a worker while Redis is ${state} → it exits in time`, async t => {
    await using proxy = await openProxy(hostname, Number(port))
    // A separate queue, so that no other worker takes its email.
    const own = { REDIS_PREFIX: `${world.config.REDIS_PREFIX}-${fault}`, REDIS_URL: world.config.REDIS_URL }
    await using deps = await open({ ...world.config, ...own }, world.deps.log)
    const { child, lines } = world.spawn('worker', { ...own, REDIS_URL: proxy.through(own.REDIS_URL) })
    await until(
      'the worker to be ready',
      () => lines.some(line => line.includes('waiting for emails')),
      50_000,
    )

    const { email } = await anAccount(world.client)
    const rows = await world.sql<{ id: string }>('SELECT id FROM emails WHERE recipient = $1', [email])
    await addEmailJobs(
      deps.queue,
      rows.map(({ id }) => id),
    )
    // Redis fails at the worst moment: the email is sent and its job has not ended.
    await world.mails.to(email)
    proxy[fault]()
    const began = performance.now()
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')
    const took = performance.now() - began
    t.is(code, 0)
    t.true(took < (fault === 'heal' ? 15_000 : 24_000), `${took} ms`)
    proxy.heal()
    await dropKeys(deps.redis, await keysOf(deps.redis, own.REDIS_PREFIX, '*'))
  })
}
