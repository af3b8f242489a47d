import anyTest from 'ava'
import { type Account, anAccount } from '../fixtures.ts'
import { generousTimeouts, type LocalWorld, openLocalWorld } from '../local-world.ts'
import { timed } from '../proxied-instance.ts'
import { mastersOf } from '../redis-keys.ts'
import { until } from '../until.ts'
import { moveSlot, type OwnCluster, startOwnCluster } from './own-cluster.ts'
import { type Node, password, program } from './redis-nodes.ts'

// A cluster of three masters, the first with a replica. Rate limits are on: their counters are spread over all masters.

const test = program ? anyTest.serial : anyTest.serial.skip
const opened = new AsyncDisposableStack()
let cluster: OwnCluster
let world: LocalWorld

anyTest.before(async () => {
  if (!program) return
  cluster = opened.use(await startOwnCluster())
  const limits = ['register', 'login', 'refresh', 'anonymous', 'bearer'].map(name => `${name}=10000/15m`)
  const env = { RATE_LIMITS: limits.join(',') }
  // Short enough that requests are answered in time when Redis hangs, long enough for a busy machine.
  const timeouts = { ...generousTimeouts, redisCommand: 2000 }
  world = opened.use(
    await openLocalWorld({ worker: true, timeouts, env, servers: { redisUrl: cluster.url } }),
  )
})
anyTest.after.always(() => opened.disposeAsync())

const slotOf = ({ userId }: Account) => cluster.slotOf(world.deps.keys.sessions(userId))
const ownerOf = async (account: Account) => cluster.ownerOf(await slotOf(account))
const queueOwner = async () => cluster.ownerOf(await cluster.slotOf(world.deps.keys.queue))

/** Makes an account whose keys are on this node. */
const someoneOn = async (node: Node): Promise<Account> =>
  until('an account on the node', async () => {
    const account = await anAccount(world.client)
    return (await ownerOf(account)) === node && account
  })

const refreshed = async (account: Account): Promise<number> => {
  const { status, body } = await world.client.post('refresh', { refresh_token: account.refresh })
  if (status === 200) Object.assign(account, { refresh: body.refresh_token, access: body.access_token })
  return status
}

const servedAgain = (account: Account) =>
  until('its users to be served again', async () => (await refreshed(account)) === 200, 30_000)

/** Waits for an email. Makes it due for the sweep, in case its job was lost with a node. */
const mailed = async ({ email }: Account) => {
  await world.sql(`UPDATE emails SET sweep_after = now() WHERE status = 'queued'`)
  return world.mails.to(email)
}

const reports = (account: Account) =>
  world.sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`, [account.userId])

test('keys are spread over three masters → accounts, sessions, limits and emails work', async t => {
  const masters = cluster.nodes.slice(0, 3)
  for (const account of await Promise.all(masters.map(someoneOn))) {
    const { email, access, password: word } = account
    t.is((await world.client.get('sessions', { token: access })).status, 200)
    t.is(await refreshed(account), 200)
    const again = await world.client.post('login', { email, password: word })
    t.is(again.status, 200)
    t.is((await world.client.post('logout', { refresh_token: again.body.refresh_token })).status, 204)
    const { code } = await world.mails.to(email)
    t.is((await world.client.post('verify-email', { email, code })).status, 200)
    t.is((await world.client.post('logout-all', undefined, { token: account.access })).status, 204)
    t.is(await refreshed(account), 401)
  }
  const ready = await world.client.get('/readyz')
  t.deepEqual(ready.body.checks, { postgres: 'up', redis: 'up', queue: 'up' })
  t.false(world.logs.some(line => line.includes('CROSSSLOT') || line.includes(password)))
  t.false(world.logs.some(line => line.includes('counted in memory')))
})

test('a node has none of the scripts → they are sent again, and requests succeed', async t => {
  const account = await anAccount(world.client)
  await Promise.all(mastersOf(world.deps.redis).map(node => node.script('FLUSH')))
  t.is(await refreshed(account), 200)
  t.is((await world.client.post('logout-all', undefined, { token: account.access })).status, 204)
  t.is(await refreshed(account), 401)
})

test('a slot moves to another node → its users get 503 for a moment at most', async t => {
  const [first, second] = cluster.nodes
  if (!first || !second) throw new Error('a node is missing')
  const account = await someoneOn(first)
  const during: number[] = []
  await moveSlot(await slotOf(account), first, second, async () => {
    during.push(await refreshed(account))
    during.push((await world.client.get('me', { token: account.access })).status)
  })
  t.true(during.length >= 6)
  t.deepEqual(
    during.filter(status => status !== 200 && status !== 503),
    [],
  )
  t.is(await ownerOf(account), second)
  t.is(await refreshed(account), 200)
  t.is((await world.client.get('me', { token: account.access })).status, 200)
  t.is((await world.client.post('logout-all', undefined, { token: account.access })).status, 204)
  t.is(await refreshed(account), 401)
  t.deepEqual(await reports(account), [], 'no theft is reported')
})

test('a node is killed → its users get 503 soon, others are served; all are served once it is back', async t => {
  const queue = await queueOwner()
  const [killed] = cluster.nodes.slice(1, 3).filter(node => node !== queue)
  const [running] = cluster.nodes.slice(0, 3).filter(node => node !== killed)
  if (!killed || !running) throw new Error('a node is missing')
  const [hit, spared] = [await someoneOn(killed), await someoneOn(running)]
  const { access: revoked } = await someoneOn(killed)
  t.is((await world.client.post('logout-all', undefined, { token: revoked })).status, 204)
  await killed.kill()
  for (let round = 0; round < 3; round++) {
    const asked = await Promise.all([
      timed(world.client.get('me', { token: hit.access })),
      timed(world.client.post('refresh', { refresh_token: hit.refresh })),
      timed(world.client.post('login', { email: hit.email, password: hit.password })),
    ])
    t.deepEqual(
      asked.map(({ reply }) => reply.status),
      [503, 503, 503],
    )
    t.true(Math.max(...asked.map(({ took }) => took)) < 5000)
  }
  await until('users of other nodes to be served', async () => (await refreshed(spared)) === 200)
  const load = await Promise.all(
    Array.from({ length: 20 }, () => world.client.get('sessions', { token: spared.access })),
  )
  t.deepEqual([...new Set(load.map(({ status }) => status))], [200])
  t.is((await world.client.get('/readyz')).body.checks.redis, 'up')

  await killed.restart()
  await servedAgain(hit)
  t.is((await world.client.get('me', { token: revoked })).status, 401)
  t.deepEqual(await reports(hit), [])
})

test('the node of the queue is killed and restarts → the worker continues, no email is lost', async t => {
  const queue = await queueOwner()
  await queue.kill()
  const during = await anAccount(world.client).catch(() => null)
  await queue.restart()
  const after = await until('an account', () => anAccount(world.client).catch(() => null), 30_000)
  t.truthy(await mailed(after))
  if (during) t.truthy(await mailed(during))
})

test('a master is killed and its replica takes over → its users are served again within 30 s', async t => {
  const [master, replica] = await cluster.pair()
  const account = await someoneOn(master)
  await until('the replica to follow', async () =>
    String(await replica.admin.info('replication')).includes('master_link_status:up'),
  )
  await master.kill()
  t.is(await refreshed(account), 503)
  await servedAgain(account)
  t.is(await ownerOf(account), replica)
  t.deepEqual(await reports(account), [])
})

test('every node is killed and restarts → the service reconnects without a restart', async t => {
  const account = await anAccount(world.client)
  const others = cluster.nodes.filter(({ admin }) => admin.status === 'ready')
  t.is(others.length, 3)
  for (const node of others) await node.kill()
  const asked = await timed(world.client.get('me', { token: account.access }))
  t.is(asked.reply.status, 503)
  t.true(asked.took < 5000)
  t.is((await world.client.get('/readyz')).body.checks.redis, 'down')
  for (const node of others) await node.restart()
  await servedAgain(account)
  const late = await until('an account', () => anAccount(world.client).catch(() => null), 30_000)
  t.truthy(await mailed(late))
})
