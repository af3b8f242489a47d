import { setTimeout as sleep } from 'node:timers/promises'
import anyTest from 'ava'
import { type Account, anAccount } from '../fixtures.ts'
import { generousTimeouts, type LocalWorld, openLocalWorld } from '../local-world.ts'
import { until } from '../until.ts'
import { common, type Node, password, program, startNode } from './redis-nodes.ts'

// A master with two replicas, and Sentinel.
//
// Replication is asynchronous: a replaced master that does not know it yet accepts writes that are lost. A client whose
// last refresh was among them must sign in again. Here a write needs both replicas, so the old master accepts none once
// a replica is promoted.
//
// For a planned failover the test pauses writes first, so that no write is under way to the replicas.

const test = program ? anyTest.serial : anyTest.serial.skip
const opened = new AsyncDisposableStack()
const sentinelPassword = 'of:the/sentinels+1'
let nodes: Node[] = []
let sentinel: Node
let world: LocalWorld

const startSentinel = (master: number): Promise<Node> =>
  startNode({
    sentinel: true,
    connection: { password: sentinelPassword },
    lines: port => [
      `port ${port}`,
      `requirepass ${sentinelPassword}`,
      `sentinel monitor main 127.0.0.1 ${master} 1`,
      `sentinel auth-pass main ${password}`,
      'sentinel down-after-milliseconds main 1500',
      'sentinel failover-timeout main 10000',
      'sentinel parallel-syncs main 2',
    ],
  })

const replicasSeen = async (): Promise<number> => {
  const replicas = (await sentinel.admin.call('SENTINEL', 'replicas', 'main')) as string[][]
  return replicas.filter(fields => fields.includes('slave') && fields.includes('ok')).length
}

const masterPort = async (): Promise<number> => {
  const [, port] = (await sentinel.admin.call('SENTINEL', 'get-master-addr-by-name', 'main')) as [
    string,
    string,
  ]
  return Number(port)
}

const masterNode = async (): Promise<Node> => {
  const port = await masterPort()
  const found = nodes.find(node => node.port === port)
  if (!found) throw new Error('Sentinel names an unknown master')
  return found
}

const offsetOf = async ({ admin }: Node): Promise<string | undefined> =>
  /(?:master|slave)_repl_offset:(\d+)/.exec(String(await admin.info('replication')))?.[1]

/** Pauses writes to the master, and resolves once its replicas have received all earlier ones. */
const holdWrites = async (master: Node): Promise<void> => {
  await master.admin.client('PAUSE', 10_000, 'WRITE')
  await until(
    'the replicas to have received every write',
    async () => new Set(await Promise.all(nodes.map(offsetOf))).size === 1,
  )
}

anyTest.before(async () => {
  if (!program) return
  const lines = (port: number) => [...common(port), 'min-replicas-to-write 2']
  const master = opened.use(await startNode({ lines }))
  const follow = (port: number) => [
    ...common(port),
    'min-replicas-to-write 1',
    `replicaof 127.0.0.1 ${master.port}`,
  ]
  nodes = [
    master,
    opened.use(await startNode({ lines: follow })),
    opened.use(await startNode({ lines: follow })),
  ]
  sentinel = opened.use(await startSentinel(master.port))
  await until('Sentinel to know both replicas', async () => (await replicasSeen()) === 2)
  // The first sentinel is down: the second is asked.
  const secret = encodeURIComponent(sentinelPassword)
  const hosts = `127.0.0.1:1,127.0.0.1:${sentinel.port}`
  const redisUrl = `redis+sentinel://:${password}@${hosts}/main?sentinelPassword=${secret}`
  // Short enough that requests are answered in time when Redis hangs, long enough for a busy machine.
  const timeouts = { ...generousTimeouts, redisCommand: 2000 }
  world = opened.use(await openLocalWorld({ worker: true, timeouts, servers: { redisUrl } }))
})
anyTest.after.always(() => opened.disposeAsync())

const tokenOnly = ({ refresh, access }: Account) => ({ refresh, access })

/** Refreshes in a loop, as a client does: after a 503 it presents the same token again. */
const keepRefreshing = async (account: Account, over: () => boolean) => {
  const statuses: number[] = []
  const times: number[] = []
  let tokens = tokenOnly(account)
  while (!over()) {
    const began = performance.now()
    const { status, body } = await world.client.post('refresh', { refresh_token: tokens.refresh })
    times.push(performance.now() - began)
    statuses.push(status)
    if (status === 200) tokens = { refresh: body.refresh_token, access: body.access_token }
    await sleep(100)
  }
  return { statuses, slowest: Math.max(...times), tokens }
}

type Revoked = { access_token: string; refresh_token: string }

/** Signs in and out in a loop, and records each session whose logout was confirmed. Returns the statuses. */
const keepRevoking = async (
  { email, password: word }: Account,
  revoked: Revoked[],
  over: () => boolean,
): Promise<number[]> => {
  const statuses: number[] = []
  while (!over()) {
    const { status, body } = await world.client.post('login', { email, password: word })
    statuses.push(status)
    if (status === 200) {
      const ended = await world.client.post('logout', { refresh_token: body.refresh_token })
      statuses.push(ended.status)
      if (ended.status === 204) revoked.push(body)
    }
    await sleep(100)
  }
  return statuses
}

const served = async (account: Account): Promise<boolean> => {
  const { email, password: word } = account
  return (await world.client.post('login', { email, password: word })).status === 200
}

test('the first of two sentinels is down → accounts, sessions and emails work over the second', async t => {
  const account = await anAccount(world.client)
  t.truthy(await world.mails.to(account.email))
  t.is((await world.client.get('me', { token: account.access })).status, 200)
  t.is((await world.client.post('refresh', { refresh_token: account.refresh })).status, 200)
  t.false(world.logs.some(line => line.includes(password) || line.includes(sentinelPassword)))
})

test('a planned failover → 503 for a moment, no session is lost, and revoked ones stay revoked', async t => {
  const accounts = [
    await anAccount(world.client),
    await anAccount(world.client),
    await anAccount(world.client),
  ]
  const asker = await anAccount(world.client)
  const before = await masterPort()
  let over = false
  const refreshing = accounts.map(account => keepRefreshing(account, () => over))
  const revoked: Revoked[] = []
  const revoking = keepRevoking(await anAccount(world.client), revoked, () => over)
  await until('four sessions to be revoked', () => revoked.length > 3)
  await holdWrites(await masterNode())
  await sentinel.admin.call('SENTINEL', 'failover', 'main')
  await until('Sentinel to name another master', async () => (await masterPort()) !== before)
  await until('the service to answer again', () => served(asker), 30_000)
  await sleep(1000)
  over = true

  for (const { statuses, slowest, tokens } of await Promise.all(refreshing)) {
    t.deepEqual(
      [...new Set(statuses)].filter(status => status !== 200 && status !== 503),
      [],
    )
    t.is(statuses.at(-1), 200)
    t.true(slowest < 5000, `${slowest} ms`)
    t.is((await world.client.get('me', { token: tokens.access })).status, 200)
  }
  const statuses = await revoking
  t.deepEqual(
    [...new Set(statuses)].filter(status => ![200, 204, 503].includes(status)),
    [],
  )
  for (const { access_token, refresh_token } of revoked) {
    t.is((await world.client.get('me', { token: access_token })).status, 401)
    t.is((await world.client.post('refresh', { refresh_token })).status, 401)
  }
})

test('a failover has happened → the worker continues, and emails arrive', async t => {
  const { email } = await anAccount(world.client)
  t.truthy(await world.mails.to(email))
})

test('the master is killed → requests and emails work again within 30 s, without a restart', async t => {
  const account = await anAccount(world.client)
  await until('Sentinel to see two replicas again', async () => (await replicasSeen()) === 2, 40_000)
  for (const { admin } of nodes) await admin.config('SET', 'min-replicas-to-write', '1')
  const dead = await masterNode()
  await dead.kill()
  const { email, password: word } = account
  const refused = await world.client.post('login', { email, password: word })
  t.is(refused.status, 503)
  await until('the service to answer again', () => served(account), 30_000)
  t.not(await masterPort(), dead.port)
  const late = await anAccount(world.client)
  await world.sql(`UPDATE emails SET sweep_after = now() WHERE status = 'queued'`)
  t.truthy(await world.mails.to(late.email))
})
