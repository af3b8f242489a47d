import test from 'ava'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { generousTimeouts, openLocalWorld } from '../../local-world.ts'
import { openProxiedInstance, repliesQuickly, timed } from '../../proxied-instance.ts'
import { until } from '../../until.ts'

// Limits are on: what a fault does to them is part of the promise.
const limits = ['register', 'login', 'refresh', 'anonymous', 'bearer'].map(name => `${name}=1000/15m`)
const world = await openLocalWorld({ singleRedis: true, env: { RATE_LIMITS: limits.join(',') } })
// Shorter than for others, so that what hangs is told of; long enough for what does not on a machine that is busy.
const within = { ...generousTimeouts, redisCommand: 1200 }
const proxied = await openProxiedInstance(world, undefined, within)
test.after.always(async () => {
  await proxied[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

test.serial.afterEach.always(() => proxied.redis.heal())

const { client, sql } = world
const timeoutMs = 5000

const healed = (token: string) =>
  until(
    'the instance serves again',
    async () => (await proxied.client.get('me', { token })).status === 200,
    10_000,
  )

const faults = {
  'Redis is gone': () => proxied.redis.cut(),
  'Redis hangs': () => proxied.redis.pause(),
}

for (const [fault, strike] of Object.entries(faults)) {
  test.serial(`${fault}: what needs a session says 503 soon, and never that the client is wrong`, async t => {
    const account = await anAccount(client)
    const { email, access } = account
    strike()
    const asked = {
      me: () => proxied.client.get('me', { token: access }),
      'patch me': () => proxied.client.patch('me', { full_name: 'Ada' }, { token: access }),
      refresh: () => proxied.client.post('refresh', { refresh_token: account.refresh }),
      'logout by bearer': () => proxied.client.post('logout', undefined, { token: access }),
      'logout by refresh token': () => proxied.client.post('logout', { refresh_token: account.refresh }),
      'logout-all': () => proxied.client.post('logout-all', undefined, { token: access }),
      login: () => proxied.client.post('login', { email, password }),
    }
    for (const [name, ask] of Object.entries(asked)) {
      const { reply, took } = await timed(ask())
      t.is(reply.status, 503, name)
      t.is(reply.body.code, 'SERVICE_UNAVAILABLE', name)
      t.true(Number(reply.headers.get('retry-after')) >= 1, name)
      t.true(took < timeoutMs, `${name} took ${took} ms`)
    }
    const crowd = await Promise.all(Array.from({ length: 40 }, () => timed(asked.me())))
    t.deepEqual([...new Set(crowd.map(({ reply }) => reply.status))], [503])
    t.true(Math.max(...crowd.map(({ took }) => took)) < timeoutMs)

    proxied.redis.heal()
    const { full_name } = (await client.get('me', { token: access })).body ?? {}
    t.true(full_name === undefined || full_name === null, 'what was refused was not done')
  })

  test.serial(`${fault}: a refresh token used meanwhile works afterwards`, async t => {
    const account = await anAccount(client)
    const bystander = await anAccount(client)
    strike()
    for (let i = 0; i < 3; i++)
      t.is((await proxied.client.post('refresh', { refresh_token: account.refresh })).status, 503)
    proxied.redis.heal()
    await healed(bystander.access)
    const next = await proxied.client.post('refresh', { refresh_token: account.refresh })
    t.is(next.status, 200)
    t.is((await proxied.client.get('me', { token: next.body.access_token })).status, 200)
    t.is((await proxied.client.post('refresh', { refresh_token: next.body.refresh_token })).status, 200)
    t.is(
      (
        await sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`, [
          account.userId,
        ])
      ).length,
      0,
    )
  })

  test.serial(`${fault}: registering goes on, without a session`, async t => {
    strike()
    const email = anEmail()
    const { reply, took } = await timed(proxied.client.post('register', { email, password }))
    t.is(reply.status, 202)
    t.deepEqual(Object.keys(reply.body), ['user'])
    t.is(reply.body.user.email, email)
    t.true(took < timeoutMs, `it took ${took} ms`)
    const owed = await sql('SELECT 1 FROM emails WHERE user_id = $1 AND recipient = $2', [
      reply.body.user.id,
      email,
    ])
    t.is(owed.length, 1)

    proxied.redis.heal()
    const login = await until('a login', async () => {
      const answer = await proxied.client.post('login', { email, password })
      return answer.status === 200 && answer
    })
    t.is(login.body.user.id, reply.body.user.id)
  })

  test.serial(`${fault}: what needs no Redis is served, and readyz names it`, async t => {
    const { access } = await anAccount(client)
    strike()
    for (const path of ['/livez', '/.well-known/paseto-keys', '/openapi.json', '/docs'])
      t.true(await repliesQuickly(() => proxied.client.get(path)), path)
    const ready = await until('readyz notices', async () => {
      const answer = await proxied.client.get('/readyz')
      return answer.status === 503 && answer
    })
    t.is(ready.body.status, 'not_ready')
    t.is(ready.body.checks.redis, 'down')
    t.is(ready.body.checks.postgres, 'up')
    t.is((await proxied.client.get('me')).status, 401, 'no credentials are no fault')

    proxied.redis.heal()
    await healed(access)
    await until('readyz recovers', async () => (await proxied.client.get('/readyz')).status === 200, 10_000)
  })
}

test.serial('a session that was ended by another instance meanwhile is dead after the fault', async t => {
  const account = await anAccount(client)
  const bystander = await anAccount(client)
  proxied.redis.cut()
  t.is((await client.post('logout', { refresh_token: account.refresh })).status, 204)
  t.is((await proxied.client.get('me', { token: account.access })).status, 503)
  proxied.redis.heal()
  await healed(bystander.access)
  t.is((await proxied.client.get('me', { token: account.access })).body.code, 'SESSION_REVOKED')
})

test.serial('a Redis that moved to another host is found again without a restart', async t => {
  const { access } = await anAccount(client)
  proxied.redis.strand()
  const began = performance.now()
  t.is((await proxied.client.get('me', { token: access })).status, 503)
  await healed(access)
  t.true(performance.now() - began < 10_000)
})

test.serial('an instance that starts without Redis serves what it can, and all of it later', async t => {
  const { access, refresh } = await anAccount(client)
  await using late = await openProxiedInstance(world, ({ redis }) => redis.cut(), within)
  t.is((await late.client.get('/livez')).status, 200)
  t.is((await late.client.get('me', { token: access })).status, 503)
  t.is((await late.client.post('register', { email: anEmail(), password })).status, 202)
  late.redis.heal()
  await until(
    'it serves',
    async () => (await late.client.get('me', { token: access })).status === 200,
    10_000,
  )
  t.is((await late.client.post('refresh', { refresh_token: refresh })).status, 200)
})
