import test from 'ava'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { generousTimeouts, openLocalWorld } from '../../local-world.ts'
import { openProxiedInstance, repliesQuickly, timed } from '../../proxied-instance.ts'
import { until } from '../../until.ts'

// Limits are on: an outage must not cause a 429.
const limits = ['register', 'login', 'refresh', 'anonymous', 'bearer'].map(name => `${name}=1000/15m`)
const world = await openLocalWorld({ singleRedis: true, env: { RATE_LIMITS: limits.join(',') } })
// A shorter Redis timeout than in other tests, so that a hang is reported soon. It is long enough for a busy machine.
const changed = { ...generousTimeouts, redisCommand: 1200 }
const proxied = await openProxiedInstance(world, undefined, changed)
test.after.always(async () => {
  await proxied[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

test.serial.afterEach.always(() => proxied.redis.heal())

const { client, sql } = world
const timeoutMs = 5000

const untilHealed = (token: string) =>
  until(
    'the instance to serve again',
    async () => (await proxied.client.get('me', { token })).status === 200,
    10_000,
  )

const faults = {
  'Redis is down': () => proxied.redis.cut(),
  'Redis hangs': () => proxied.redis.pause(),
}

for (const [fault, begin] of Object.entries(faults)) {
  test.serial(`${fault} → routes that need a session answer 503 soon, and never another 4xx`, async t => {
    const account = await anAccount(client)
    const { email, access } = account
    begin()
    const asked = {
      me: () => proxied.client.get('me', { token: access }),
      'patch me': () => proxied.client.patch('me', { full_name: 'Ada' }, { token: access }),
      refresh: () => proxied.client.post('refresh', { refresh_token: account.refresh }),
      'logout by bearer': () => proxied.client.post('logout', undefined, { token: access }),
      'logout by refresh token': () => proxied.client.post('logout', { refresh_token: account.refresh }),
      'logout-all': () => proxied.client.post('logout-all', undefined, { token: access }),
      login: () => proxied.client.post('login', { email, password }),
      check: () => proxied.client.get('check', { token: access }),
      'check below': () => proxied.client.send('OPTIONS', 'check/orders', { token: access }),
      reauthenticate: () => proxied.client.post('reauthenticate', { password }, { token: access }),
    }
    for (const [name, ask] of Object.entries(asked)) {
      const { reply, took } = await timed(ask())
      t.is(reply.status, 503, name)
      t.is(reply.body.code, 'SERVICE_UNAVAILABLE', name)
      t.true(Number(reply.headers.get('retry-after')) >= 1, name)
      t.true(took < timeoutMs, `${name} took ${took} ms`)
    }
    const load = await Promise.all(Array.from({ length: 40 }, () => timed(asked.me())))
    t.deepEqual([...new Set(load.map(({ reply }) => reply.status))], [503])
    t.true(Math.max(...load.map(({ took }) => took)) < timeoutMs)

    proxied.redis.heal()
    const { full_name } = (await client.get('me', { token: access })).body ?? {}
    t.true(full_name === undefined || full_name === null, 'a refused change was not made')
  })

  test.serial(`${fault} while a refresh token is presented → the token works afterwards`, async t => {
    const account = await anAccount(client)
    const bystander = await anAccount(client)
    begin()
    for (let i = 0; i < 3; i++)
      t.is((await proxied.client.post('refresh', { refresh_token: account.refresh })).status, 503)
    proxied.redis.heal()
    await untilHealed(bystander.access)
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

  test.serial(`${fault} → registration works without starting a session`, async t => {
    begin()
    const email = anEmail()
    const { reply, took } = await timed(proxied.client.post('register', { email, password }))
    t.is(reply.status, 202)
    t.deepEqual(Object.keys(reply.body), ['user'])
    t.is(reply.body.user.email, email)
    t.true(took < timeoutMs, `it took ${took} ms`)
    const emails = await sql('SELECT 1 FROM emails WHERE user_id = $1 AND recipient = $2', [
      reply.body.user.id,
      email,
    ])
    t.is(emails.length, 1)

    proxied.redis.heal()
    const login = await until('a login to work', async () => {
      const answer = await proxied.client.post('login', { email, password })
      return answer.status === 200 && answer
    })
    t.is(login.body.user.id, reply.body.user.id)
  })

  test.serial(`${fault} → routes that need no Redis are served, and readyz reports it`, async t => {
    const { access } = await anAccount(client)
    begin()
    for (const path of ['/livez', '/.well-known/paseto-keys', '/openapi.json', '/docs'])
      t.true(await repliesQuickly(() => proxied.client.get(path)), path)
    const ready = await until('readyz to report it', async () => {
      const answer = await proxied.client.get('/readyz')
      return answer.status === 503 && answer
    })
    t.is(ready.body.status, 'not_ready')
    t.is(ready.body.checks.redis, 'down')
    t.is(ready.body.checks.postgres, 'up')
    t.is((await proxied.client.get('me')).status, 401, 'missing credentials are still a 401')

    proxied.redis.heal()
    await untilHealed(access)
    await until('readyz to recover', async () => (await proxied.client.get('/readyz')).status === 200, 10_000)
  })
}

test.serial(
  'another instance ends a session during an outage of Redis → the session is over afterwards',
  async t => {
    const account = await anAccount(client)
    const bystander = await anAccount(client)
    proxied.redis.cut()
    t.is((await client.post('logout', { refresh_token: account.refresh })).status, 204)
    t.is((await proxied.client.get('me', { token: account.access })).status, 503)
    proxied.redis.heal()
    await untilHealed(bystander.access)
    t.is((await proxied.client.get('me', { token: account.access })).body.code, 'SESSION_REVOKED')
  },
)

test.serial('Redis moves to another host → the service reconnects without a restart', async t => {
  const { access } = await anAccount(client)
  proxied.redis.strand()
  const began = performance.now()
  t.is((await proxied.client.get('me', { token: access })).status, 503)
  await untilHealed(access)
  t.true(performance.now() - began < 10_000)
})

test.serial(
  'an instance starts while Redis is down → it serves what needs no Redis, and everything later',
  async t => {
    const { access, refresh } = await anAccount(client)
    await using late = await openProxiedInstance(world, ({ redis }) => redis.cut(), changed)
    t.is((await late.client.get('/livez')).status, 200)
    t.is((await late.client.get('me', { token: access })).status, 503)
    t.is((await late.client.post('register', { email: anEmail(), password })).status, 202)
    late.redis.heal()
    await until(
      'the instance to serve sessions',
      async () => (await late.client.get('me', { token: access })).status === 200,
      10_000,
    )
    t.is((await late.client.post('refresh', { refresh_token: refresh })).status, 200)
  },
)
