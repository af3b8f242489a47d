import test from 'ava'
import { sweep } from '../../../src/features/mail-delivery/sweep.ts'
import { anAccount } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { openProxiedInstance } from '../../proxied-instance.ts'

const world = await openLocalWorld({ singleRedis: true })
test.after.always(() => world[Symbol.asyncDispose]())

const due = () => world.sql(`SELECT 1 FROM emails WHERE status = 'queued' AND sweep_after <= now()`)

test('a sweep cannot queue emails → they are due at the next sweep, not half a minute later', async t => {
  await using proxied = await openProxiedInstance(world)
  await anAccount(world.client)
  await world.deps.queue.open().obliterate({ force: true })
  await world.sql('UPDATE emails SET sweep_after = now()')

  proxied.redis.cut()
  await t.throwsAsync(sweep(proxied.deps))
  t.is((await due()).length, 1)

  t.is(await sweep(world.deps), 1)
  t.is((await due()).length, 0)
  t.is(await world.deps.queue.open().getJobCountByTypes('waiting'), 1)
})
