import anyTest from 'ava'
import { updateUser } from '../../../src/features/admin/update-user.ts'
import { openFeedRepair } from '../../../src/features/revocations/open-feed-repair.ts'
import { settleEndings } from '../../../src/features/sessions/settle-endings.ts'
import { anAccount } from '../../fixtures.ts'
import { readFeed, requestFeed } from '../../integration/revocations/feed-reader.ts'
import { generousTimeouts, openLocalWorld } from '../../local-world.ts'
import { openProxiedInstance, timed } from '../../proxied-instance.ts'
import { until } from '../../until.ts'

// The feed of what ended while a store does not answer.

const test = anyTest.serial

const world = await openLocalWorld({ singleRedis: true })
const proxied = await openProxiedInstance(world, undefined, { ...generousTimeouts, redisCommand: 1200 })
anyTest.after.always(async () => {
  await proxied[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})
anyTest.serial.afterEach.always(() => {
  proxied.redis.heal()
  proxied.postgres.heal()
})

const { client, deps, sql } = world
const timeoutMs = 5000

const untilHealed = () =>
  until('the feed to answer', async () => (await requestFeed(proxied.client)).status === 200, 10_000)

for (const fault of ['cut', 'pause'] as const)
  test(`Redis is ${fault === 'cut' ? 'down' : 'slow'} → 503 soon, also for requests that wait for news`, async t => {
    const { cursor } = await readFeed(proxied.client)
    const waiting = Array.from({ length: 20 }, () => timed(requestFeed(proxied.client, cursor)))
    await until('them to wait', async () => (await proxied.client.get('/livez')).status === 200)
    proxied.redis[fault]()
    const replies = await Promise.all([timed(requestFeed(proxied.client)), ...waiting])
    for (const { reply, took } of replies) {
      t.is(reply.status, 503)
      t.true(Number(reply.headers.get('retry-after')) >= 1)
      t.true(took < timeoutMs)
    }
    proxied.redis.heal()
    await untilHealed()
  })

test('user is deactivated while Redis is down → the feed refuses the user as soon as Redis is back', async t => {
  const { userId, sessionId } = await anAccount(client)
  proxied.redis.cut()
  const act = { userId, actorId: null, origin: { ip: '203.0.113.7', userAgent: 'test' } }
  await updateUser(proxied.deps, { ...act, change: { is_active: false } })
  proxied.redis.heal()
  t.false((await readFeed(client)).users.some(({ sub }) => sub === userId))
  await sql(`UPDATE revocations SET at = at - interval '3 seconds'`)
  await settleEndings(deps)
  await openFeedRepair()(deps)
  const { sessions, users } = await readFeed(client)
  t.true(users.some(({ sub }) => sub === userId))
  t.true(sessions.includes(sessionId))
})

test('logout while Postgres is down → the session ends, and the feed lists it', async t => {
  const { refresh, sessionId } = await anAccount(client)
  await readFeed(client)
  proxied.postgres.cut()
  t.is((await proxied.client.post('logout', { refresh_token: refresh })).status, 204)
  t.true((await readFeed(proxied.client)).sessions.includes(sessionId))
})

test('Redis is flushed while Postgres is down → 503: no list claims to be complete', async t => {
  await readFeed(client)
  proxied.postgres.cut()
  await world.dropKeys(await world.keysLike(`${world.env.REDIS_PREFIX}:{revocations}:*`))
  const { reply, took } = await timed(requestFeed(proxied.client))
  t.is(reply.status, 503)
  t.true(took < timeoutMs)
  proxied.postgres.heal()
  await untilHealed()
})

test('worker whose clock is five minutes ahead → an end that no process announced still reaches the feed', async t => {
  const { userId } = await anAccount(client)
  const { now } = Date
  Date.now = () => now() + 300_000
  try {
    const repairFeed = openFeedRepair()
    await repairFeed(deps)
    await sql('UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1', [userId])
    await sql(`UPDATE revocations SET at = at - interval '3 seconds' WHERE sub = $1`, [userId])
    await repairFeed(deps)
  } finally {
    Date.now = now
  }
  t.true((await readFeed(client)).users.some(({ sub }) => sub === userId))
})
