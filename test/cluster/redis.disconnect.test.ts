import { spawn } from 'node:child_process'
import { once } from 'node:events'
import anyTest from 'ava'
import { onFreePort } from '../../src/platform/base/free-port.ts'
import { openLog } from '../../src/platform/base/log.ts'
import { openRedis } from '../../src/platform/redis/redis.ts'
import { until } from '../until.ts'
import { common, type Node, password, program, startNode, urlOf } from './redis-nodes.ts'

// A client disconnects from Redis at unusual moments. The process must still be able to exit, or to connect again.

const test = program ? anyTest : anyTest.skip
const [redis = '', log = ''] = ['platform/redis/redis.ts', 'platform/base/log.ts'].map(
  file => new URL(`../../src/${file}`, import.meta.url).pathname,
)

/** Runs a process that opens a connection and then this code. Returns its output and exit code. */
const runProcess = async (url: string, code: string) => {
  const script = `
    const { openRedis } = await import(process.argv[1])
    const { openLog } = await import(process.argv[2])
    const redis = openRedis(process.argv[3], openLog('test', 'silent'), 3000)
    const disconnect = () => {
      redis.disconnect()
      console.log('disconnected')
    }
    const received = event => new Promise(resolve => redis.once(event, resolve))
    const serve = async () => console.log(await redis.ping())
    ${code}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, redis, log, url], {
    timeout: 40_000,
    killSignal: 'SIGKILL',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (output += chunk))
  const ended = await once(child, 'close')
  return { output, ended }
}
const outputOf = (...lines: string[]) => ({
  output: lines.map(line => `${line}\n`).join(''),
  ended: [0, null],
})

test('disconnect from a cluster before any node is known → the connection emits `end`', async t => {
  const port = await onFreePort(undefined, async free => free)
  const code = `
    redis.once('reconnecting', () => {
      redis.once('end', () => console.log('has ended'))
      disconnect()
    })`
  const url = urlOf(port).replace('redis:', 'redis+cluster:')
  t.deepEqual(await runProcess(url, code), outputOf('disconnected', 'has ended'))
})

const startCluster = async () => {
  const lines = (busPort: number) => (port: number) => [
    ...common(port),
    'cluster-enabled yes',
    `cluster-port ${busPort}`,
    'cluster-announce-ip 127.0.0.1',
  ]
  const node = await onFreePort(undefined, busPort => startNode({ lines: lines(busPort) }))
  await node.admin.cluster('ADDSLOTSRANGE', 0, 16_383)
  const url = urlOf(node.port).replace('redis:', 'redis+cluster:')
  return { url, [Symbol.asyncDispose]: () => node[Symbol.asyncDispose]() }
}

test('connect again while a disconnect from a cluster runs → it ends first, and then serves', async t => {
  await using cluster = await startCluster()
  const code = `
    for (const round of [1, 2, 3]) {
      if (redis.status !== 'ready') await received('ready')
      await redis.ping()
      redis.once('end', () => console.log('has ended'))
      const lost = redis.blpop('nothing', 5).catch(() => {})
      redis.disconnect()
      if (round > 1) redis.disconnect()
      if (round > 2) await lost
      await redis.connect()
    }
    if (redis.status !== 'ready') await received('ready')
    await serve()
    disconnect()`
  t.deepEqual(
    await runProcess(cluster.url, code),
    outputOf('has ended', 'has ended', 'has ended', 'PONG', 'disconnected'),
  )
})

test('connect again while a slot of the cluster has no node → `connect` resolves once it has one', async t => {
  await using cluster = await startCluster()
  const code = `
    await received('ready')
    const admin = redis.nodes()[0].duplicate()
    await admin.cluster('DELSLOTS', 0)
    redis.disconnect()
    redis.once('reconnecting', async () => {
      await admin.cluster('ADDSLOTS', 0)
      admin.disconnect()
    })
    await redis.connect()
    await serve()
    disconnect()`
  t.deepEqual(await runProcess(cluster.url, code), outputOf('PONG', 'disconnected'))
})

test('disconnect after a node returned while its old connection was closing → it can connect again', async t => {
  await using cluster = await startCluster()
  const code = `
    await received('ready')
    await redis.ping()
    const { host, port } = redis.nodes()[0].options
    redis.connectionPool.reset([])
    redis.connectionPool.findOrCreate({ host, port })
    await received('-node')
    redis.disconnect()
    await redis.connect()
    await serve()
    disconnect()`
  t.deepEqual(await runProcess(cluster.url, code), outputOf('PONG', 'disconnected'))
})

test('a slot map arrives during a reconnect to a cluster → the reconnect succeeds', async t => {
  await using cluster = await startCluster()
  const code = `
    await received('ready')
    await redis.ping()
    const { host, port } = redis.nodes()[0].options
    redis.disconnect(true)
    redis.connectionPool.findOrCreate({ host, port: port + 1 })
    await received('ready')
    await serve()
    disconnect()`
  t.deepEqual(await runProcess(cluster.url, code), outputOf('PONG', 'disconnected'))
})

test('disconnect from a cluster while its slot map is requested → the process exits', async t => {
  await using cluster = await startCluster()
  const code = `
    redis.options.slotsRefreshInterval = 50
    redis.once('ready', () => {
      const ask = redis.getInfoFromNode.bind(redis)
      redis.getInfoFromNode = (...args) => {
        ask(...args)
        disconnect()
      }
    })`
  t.deepEqual(await runProcess(cluster.url, code), outputOf('disconnected'))
})

const startSentinel = async (master: Node) => {
  const lines = (port: number) => [
    `port ${port}`,
    `sentinel monitor main 127.0.0.1 ${master.port} 1`,
    `sentinel auth-pass main ${password}`,
  ]
  const node = await startNode({ sentinel: true, connection: { password: '' }, lines })
  const url = `redis+sentinel://:${password}@127.0.0.1:${node.port}/main`
  return { url, [Symbol.asyncDispose]: () => node[Symbol.asyncDispose]() }
}

test('a failover is reported during a reconnect → the connection is restored', async t => {
  await using master = await startNode({ lines: common })
  await using sentinel = await startSentinel(master)
  const connection = openRedis(sentinel.url, openLog('test', 'silent'), 3000)
  t.teardown(() => connection.disconnect())
  const serves = () =>
    connection.ping().then(
      () => true,
      () => false,
    )
  await until('Redis to answer', serves)

  type Connector = {
    resolve: (at: unknown) => Promise<unknown>
    failoverDetector: { disconnect: () => void }
  }
  const { connector } = connection as unknown as { connector: Connector }
  const resolve = connector.resolve.bind(connector)
  const reconnecting = new Promise<void>(done => {
    connector.resolve = at => {
      connector.resolve = resolve
      connector.failoverDetector.disconnect()
      done()
      return resolve(at)
    }
  })
  await master.admin.client('KILL', 'TYPE', 'normal')
  await reconnecting
  t.true(await until('Redis to answer again', serves))
})
