import anyTest from 'ava'
import { monitorRedis } from '../../redis-monitor.ts'
import { openWorld } from '../../world.ts'
import { anAdmin } from '../admin/admin-account.ts'
import { aMachine, askToken, clientsPath } from './machine.ts'

// The time of a refusal must not show whether a client exists: it takes the same steps for each.

const test = anyTest.serial

const world = await openWorld({ env: { RATE_LIMITS: '', METRICS_PORT: '0' } })
const { client } = world
const admin = await anAdmin(world)
anyTest.after.always(() => world[Symbol.asyncDispose]())

test('unknown, revoked and existing client with a wrong secret → the same steps', async t => {
  const existing = await aMachine(world, ['a'], admin.access)
  const revoked = await aMachine(world, ['a'], admin.access)
  await client.send('DELETE', `${clientsPath}/${revoked.id}`, { token: admin.access })
  await using redis = await monitorRedis(world)
  /** How many presented secrets were compared with those of a client in Postgres, and were wrong. */
  const compared = async () =>
    Number(/clients_authenticated_total\{outcome="wrong"\} (\d+)/.exec(await world.metrics())?.[1] ?? 0)
  const workOf = async (id: string) => {
    await redis.seen()
    const before = await compared()
    const { status } = await askToken(client, { id, secret: 'lks_wrong' })
    t.is(status, 401)
    const seen = await redis.seen()
    t.is(await compared(), before + 1)
    // Only the first point of a counter sets its expiry.
    return seen
      .map(([name = '', ...args]) => `${name.toLowerCase()} ${args.length}`)
      .filter(command => command !== 'pexpire 2')
  }
  const work = await workOf(existing.id)
  t.true(work.length >= 3)
  for (const id of [revoked.id, `lkc_${'1'.repeat(32)}`, 'lkc_unknown', '__proto__', ''])
    t.deepEqual(await workOf(id), work, id)
})
