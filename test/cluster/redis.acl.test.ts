import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import anyTest, { type ExecutionContext } from 'ava'
import { addStoreGauges } from '../../src/platform/health/metrics.ts'
import { anAccount, anEmail, password, tokenOf } from '../fixtures.ts'
import { openLocalWorld } from '../local-world.ts'
import { kill } from '../spawn.ts'
import { until } from '../until.ts'
import { password as adminPassword, common, program, startNode, urlOf } from './redis-nodes.ts'

// A Redis whose user lacks permissions, or that evicts keys when it is full.

const test = program ? anyTest.serial : anyTest.serial.skip

const opened = new AsyncDisposableStack()
anyTest.after.always(() => opened.disposeAsync())

/** A Redis with a user `app` that has these permissions, and a service that uses it. */
const openPlace = async (rules: string, more: string[] = []) => {
  const lines = (port: number) => [...common(port), `user app on >${adminPassword} ${rules}`, ...more]
  const node = opened.use(await startNode({ lines }))
  const redisUrl = urlOf(node.port).replace('redis://:', 'redis://app:')
  const env = { REDIS_PREFIX: 'lk', METRICS_PORT: '0' }
  const world = opened.use(await openLocalWorld({ servers: { redisUrl }, env }))
  addStoreGauges(world.deps)
  const ready = () => world.client.get('/readyz')
  const readyOnce = (queue: 'up' | 'down') =>
    until(`the queue to be ${queue}`, async () => {
      const reply = await ready()
      return reply.body.checks.queue === queue && reply
    })
  return { node, world, ready, readyOnce }
}

type Place = Awaited<ReturnType<typeof openPlace>>

/** Uses each feature of the service that needs Redis. */
const liveThrough = async (t: ExecutionContext, { world }: Place): Promise<void> => {
  const { client, mails } = world
  const { child } = world.spawn('worker')
  const { email, access } = await anAccount(client)
  const { link } = await mails.to(email)
  t.is((await client.post('verify-email', { token: tokenOf(link) })).status, 200)
  t.is((await client.post('login', { email, password: 'a wrong 9 phrase' })).status, 401)
  const { body } = await client.post('login', { email, password })
  t.is((await client.post('refresh', { refresh_token: body.refresh_token })).status, 200)
  t.is((await client.get('sessions', { token: access })).status, 200)
  await mails.answer({ message: 'later', responseCode: 451 })
  t.is((await client.post('forgot-password', { email })).status, 202)
  await until('an attempt to fail', () => refusedOnce(world, email))
  await mails.answer(null)
  await mails.to(email, 3)
  t.is((await client.post('logout-all', {}, { token: access })).status, 204)
  t.is((await client.get('/readyz')).body.status, 'ready')
  await kill(child)
}

const refusedOnce = async (world: Place['world'], email: string): Promise<boolean> => {
  const rows = await world.sql(`SELECT 1 FROM emails WHERE recipient = $1 AND last_error = 'SMTP 451'`, [
    email,
  ])
  return rows.length > 0
}

test('a user with the permissions that the documentation names → everything works', async t => {
  const docs = await readFile(join(import.meta.dirname, '../../docs/operations.md'), 'utf8')
  const [, rules = ''] = /^ACL SETUSER latchkey on >\S+ (.*)$/m.exec(docs) ?? []
  const place = await openPlace(rules)
  await liveThrough(t, place)
  t.deepEqual(await place.node.admin.call('ACL', 'LOG'), [], 'no command was refused')
})

test('a user without INFO → emails are sent', async t => {
  const place = await openPlace('~* &* +@all -info')
  await liveThrough(t, place)
})

const missing: Record<string, string> = {
  'a command of the worker alone': '~* &* +@all -bzpopmin',
  'a command that scripts of the worker call': '~* &* +@all -zrange -zrangebyscore',
  'the keys of the queue': '~lk:* &* +@all',
  scripts: '~* &* +@all -eval -evalsha',
}
for (const [what, rules] of Object.entries(missing))
  test(`a user without ${what} → the worker exits with 78, and readyz reports the queue as down`, async t => {
    const { world, readyOnce } = await openPlace(rules)
    t.is((await world.client.post('register', { email: anEmail(), password })).status < 300, true)
    const { child, lines } = world.spawn('worker')
    const [code] = await once(child, 'exit')
    t.is(code, 78)
    const said = lines.filter(line => /"level":"error".*the worker cannot take jobs/.test(line))
    t.is(said.length, 1)
    t.true(lines.length < 40, 'it does not retry in a loop')
    const { body } = await readyOnce('down')
    t.not(body.status, 'ready')
    t.regex(await world.deps.metrics.text(), /^latchkey_mail_queue_down 1$/m)
  })

test('the API may not queue emails → it logs an error, and readyz reports the queue as down', async t => {
  const { world, readyOnce } = await openPlace('~* &* +@all -lpush')
  t.is((await world.client.post('register', { email: anEmail(), password })).status, 201)
  const { status, body } = await readyOnce('down')
  t.is(status, 200)
  t.is(body.status, 'degraded')
  t.true(world.logs.some(line => /"level":"error".*Redis refuses to queue an email/.test(line)))
})

test('a user without scripts → requests that need a session get 503, not 500 or 401', async t => {
  const { world } = await openPlace('~* &* +@all -eval -evalsha')
  const email = anEmail()
  t.is((await world.client.post('register', { email, password })).status, 202)
  t.is((await world.client.post('login', { email, password })).status, 503)
})

test('Redis refuses only the worker → the API continues, and readyz reports degraded', async t => {
  const { world, readyOnce } = await openPlace('~* &* +@all -bzpopmin')
  const { child } = world.spawn('worker')
  await once(child, 'exit')
  const { status, body } = await readyOnce('down')
  t.is(status, 200)
  t.like(body, { status: 'degraded', checks: { postgres: 'up', redis: 'up', queue: 'down' } })
  t.is((await world.client.post('register', { email: anEmail(), password })).status, 201)
})

test('the worker gets its permissions back → readyz reports ready without a restart of the API', async t => {
  const { node, world, readyOnce } = await openPlace('~* &* +@all -bzpopmin')
  const { child } = world.spawn('worker')
  await once(child, 'exit')
  await readyOnce('down')
  await node.admin.call('ACL', 'SETUSER', 'app', '+@all')
  const { child: next } = world.spawn('worker')
  const { body } = await readyOnce('up')
  t.is(body.status, 'ready')
  await kill(next)
})

test('a Redis that evicts keys when it is full → readyz and the log report it until it is fixed', async t => {
  const { node, world, readyOnce } = await openPlace('~* &* +@all', ['maxmemory-policy allkeys-lru'])
  const { child } = world.spawn('worker')
  const { email } = await anAccount(world.client)
  await world.mails.to(email)
  const { status, body } = await readyOnce('down')
  t.is(status, 200)
  t.is(body.status, 'degraded')
  t.is(world.logs.filter(line => /"level":"error".*maxmemory-policy/.test(line)).length, 1)
  await node.admin.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
  t.is((await readyOnce('up')).body.status, 'ready')
  await kill(child)
})

test('the last sign of a worker is two minutes old → degraded; there never was one → ready', async t => {
  const { node, ready, readyOnce } = await openPlace('~* &* +@all')
  t.is((await ready()).body.status, 'ready')
  await node.admin.set('{lk}:worker', 'takes jobs', 'PX', 86_400_000 - 121_000)
  t.is((await readyOnce('down')).body.status, 'degraded')
})
