import test from 'ava'
import { defaultTimeouts as timeouts } from '../../../src/platform/config/timeouts.ts'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { generousTimeouts, openLocalWorld } from '../../local-world.ts'
import { openProxiedInstance, repliesQuickly, timed } from '../../proxied-instance.ts'
import { until } from '../../until.ts'

const world = await openLocalWorld({ singleRedis: true })
const { redisCommand, hasherThread } = generousTimeouts
const proxied = await openProxiedInstance(world, undefined, { ...timeouts, redisCommand, hasherThread })
test.after.always(async () => {
  await proxied[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

test.serial.afterEach.always(() => proxied.postgres.heal())

const { client, deps, sql } = world
// A transaction that hangs waits for 4 s, and longer on a busy machine.
const timeoutMs = 8000

const untilHealed = (token: string) =>
  until(
    'the instance to serve again',
    async () => (await proxied.client.get('me', { token })).status === 200,
    20_000,
  )

const faults = {
  'Postgres is down': () => proxied.postgres.cut(),
  'Postgres hangs': () => proxied.postgres.pause(),
}

for (const [fault, begin] of Object.entries(faults)) {
  test.serial(
    `${fault} → login, register and refresh answer 503, and the refresh token is not used`,
    async t => {
      const account = await anAccount(client)
      const session = () => deps.redis.hgetall(deps.keys.session(account.userId, account.sessionId))
      const before = await session()
      const email = anEmail()
      begin()
      const asked = {
        login: () => proxied.client.post('login', { email: account.email, password }),
        register: () => proxied.client.post('register', { email, password }),
        refresh: () => proxied.client.post('refresh', { refresh_token: account.refresh }),
        me: () => proxied.client.get('me', { token: account.access }),
        check: () => proxied.client.get('check', { token: account.access }),
        'check below': () => proxied.client.send('PUT', 'check/orders', { token: account.access }),
        reauthenticate: () => proxied.client.post('reauthenticate', { password }, { token: account.access }),
        'logout-all': () => proxied.client.post('logout-all', undefined, { token: account.access }),
      }
      const answers = await Promise.all(
        Object.entries(asked).map(async ([name, ask]) => ({ name, ...(await timed(ask())) })),
      )
      for (const { name, reply, took } of answers) {
        t.is(reply.status, 503, name)
        t.is(reply.body.code, 'SERVICE_UNAVAILABLE', name)
        t.true(Number(reply.headers.get('retry-after')) >= 1, name)
        t.true(took < timeoutMs, `${name} took ${took} ms`)
      }
      t.deepEqual(await session(), before)

      proxied.postgres.heal()
      await untilHealed(account.access)
      const refreshed = await proxied.client.post('refresh', { refresh_token: account.refresh })
      t.is(refreshed.status, 200)
      t.is((await proxied.client.post('login', { email: account.email, password })).status, 200)
      t.is(
        (
          await sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`, [
            account.userId,
          ])
        ).length,
        0,
      )
      const registered = await proxied.client.post('register', { email, password })
      t.true(registered.status === 201 || registered.status === 409, `register answered ${registered.status}`)
      const usersWithoutEmail = await sql(
        'SELECT 1 FROM users u WHERE NOT EXISTS (SELECT 1 FROM emails e WHERE e.user_id = u.id)',
      )
      t.is(usersWithoutEmail.length, 0, 'each user has an email')
    },
  )

  test.serial(`${fault} → routes that need no Postgres are served, and readyz reports it`, async t => {
    const account = await anAccount(client)
    const bystander = await anAccount(client)
    begin()
    for (const path of ['/livez', '/.well-known/paseto-keys', '/openapi.json'])
      t.true(await repliesQuickly(() => proxied.client.get(path)), path)
    const ready = await until('readyz to report it', async () => {
      const answer = await proxied.client.get('/readyz')
      return answer.status === 503 && answer
    })
    t.deepEqual(ready.body.checks, { postgres: 'down', redis: 'up', queue: 'up' })
    t.is((await proxied.client.post('logout', { refresh_token: account.refresh })).status, 204)
    t.is((await client.get('me', { token: account.access })).body.code, 'SESSION_REVOKED')

    proxied.postgres.heal()
    await untilHealed(bystander.access)
    await until('readyz to recover', async () => (await proxied.client.get('/readyz')).status === 200, 10_000)
  })

  test.serial(`${fault} during 40 requests → 503, and 40 later requests are served`, async t => {
    const account = await anAccount(client)
    begin()
    const load = await Promise.all(
      Array.from({ length: 40 }, () => timed(proxied.client.get('me', { token: account.access }))),
    )
    t.deepEqual([...new Set(load.map(({ reply }) => reply.status))], [503])
    t.true(Math.max(...load.map(({ took }) => took)) < timeoutMs)
    proxied.postgres.heal()
    await untilHealed(account.access)
    const after = await Promise.all(
      Array.from({ length: 40 }, () => timed(proxied.client.get('me', { token: account.access }))),
    )
    t.deepEqual([...new Set(after.map(({ reply }) => reply.status))], [200])
  })
}

test.serial('Postgres moves to another host → the service reconnects without a restart', async t => {
  const account = await anAccount(client)
  proxied.postgres.strand()
  const { reply, took } = await timed(proxied.client.post('login', { email: account.email, password }))
  t.is(reply.status, 503)
  t.true(took < timeoutMs)
  await until(
    'every connection to work',
    async () => {
      const asked = Array.from({ length: 20 }, () => proxied.client.get('me', { token: account.access }))
      return (await Promise.all(asked)).every(({ status }) => status === 200)
    },
    20_000,
  )
})
