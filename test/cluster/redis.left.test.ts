import { spawn } from 'node:child_process'
import { once } from 'node:events'
import anyTest from 'ava'
import { onFreePort } from '../../src/platform/base/free-port.ts'
import { openLog } from '../../src/platform/base/log.ts'
import { openRedis } from '../../src/platform/redis/redis.ts'
import { until } from '../until.ts'
import { common, type Node, password, program, startNode, urlOf } from './redis-nodes.ts'

// Whatever moment it is at which a server is left: the process can end, or goes on with another server.

const test = program ? anyTest : anyTest.skip
const [redis = '', log = ''] = ['platform/redis/redis.ts', 'platform/base/log.ts'].map(
  file => new URL(`../../src/${file}`, import.meta.url).pathname,
)

/** What a process says that opens a connection and does this with it, and how it ends. */
const processWith = async (url: string, deed: string) => {
  const script = `
    const { openRedis } = await import(process.argv[1])
    const { openLog } = await import(process.argv[2])
    const redis = openRedis(process.argv[3], openLog('test', 'silent'), 3000)
    const leave = () => {
      redis.disconnect()
      console.log('left')
    }
    const heard = event => new Promise(resolve => redis.once(event, resolve))
    const serve = async () => console.log(await redis.ping())
    ${deed}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, redis, log, url], {
    timeout: 40_000,
    killSignal: 'SIGKILL',
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (said += chunk))
  const ended = await once(child, 'close')
  return { said, ended }
}
const well = (...lines: string[]) => ({ said: lines.map(line => `${line}\n`).join(''), ended: [0, null] })

test('a cluster that is left while it knows no node has an end, for whoever waits on it', async t => {
  const port = await onFreePort(undefined, async free => free)
  const deed = `
    redis.once('reconnecting', () => {
      redis.once('end', () => console.log('has ended'))
      leave()
    })`
  const url = urlOf(port).replace('redis:', 'redis+cluster:')
  t.deepEqual(await processWith(url, deed), well('left', 'has ended'))
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

test('a cluster that is taken up again while it is still being left: it has ended first, and serves again', async t => {
  await using cluster = await startCluster()
  const deed = `
    for (const round of [1, 2, 3]) {
      if (redis.status !== 'ready') await heard('ready')
      await redis.ping()
      redis.once('end', () => console.log('has ended'))
      const lost = redis.blpop('nothing', 5).catch(() => {})
      redis.disconnect()
      if (round > 1) redis.disconnect()
      if (round > 2) await lost
      await redis.connect()
    }
    if (redis.status !== 'ready') await heard('ready')
    await serve()
    leave()`
  t.deepEqual(
    await processWith(cluster.url, deed),
    well('has ended', 'has ended', 'has ended', 'PONG', 'left'),
  )
})

test('a cluster that is taken up again before it is well: whoever waits hears of it when it is', async t => {
  await using cluster = await startCluster()
  const deed = `
    await heard('ready')
    const admin = redis.nodes()[0].duplicate()
    await admin.cluster('DELSLOTS', 0)
    redis.disconnect()
    redis.once('reconnecting', async () => {
      await admin.cluster('ADDSLOTS', 0)
      admin.disconnect()
    })
    await redis.connect()
    await serve()
    leave()`
  t.deepEqual(await processWith(cluster.url, deed), well('PONG', 'left'))
})

test('a cluster that is left after a node came back while its old connection was ending', async t => {
  await using cluster = await startCluster()
  const deed = `
    await heard('ready')
    await redis.ping()
    const { host, port } = redis.nodes()[0].options
    redis.connectionPool.reset([])
    redis.connectionPool.findOrCreate({ host, port })
    await heard('-node')
    redis.disconnect()
    await redis.connect()
    await serve()
    leave()`
  t.deepEqual(await processWith(cluster.url, deed), well('PONG', 'left'))
})

test('a map of slots that comes while a cluster is away does not keep it away', async t => {
  await using cluster = await startCluster()
  const deed = `
    await heard('ready')
    await redis.ping()
    const { host, port } = redis.nodes()[0].options
    redis.disconnect(true)
    redis.connectionPool.findOrCreate({ host, port: port + 1 })
    await heard('ready')
    await serve()
    leave()`
  t.deepEqual(await processWith(cluster.url, deed), well('PONG', 'left'))
})

test('a cluster that is left while its map of slots is asked for', async t => {
  await using cluster = await startCluster()
  const deed = `
    redis.options.slotsRefreshInterval = 50
    redis.once('ready', () => {
      const ask = redis.getInfoFromNode.bind(redis)
      redis.getInfoFromNode = (...args) => {
        ask(...args)
        leave()
      }
    })`
  t.deepEqual(await processWith(cluster.url, deed), well('left'))
})

const startSentinel = async (master: Node) => {
  const lines = (port: number) => [
    `port ${port}`,
    `sentinel monitor main 127.0.0.1 ${master.port} 1`,
    `sentinel auth-pass main ${password}`,
  ]
  const node = await startNode({ sentinel: true, reach: { password: '' }, lines })
  const url = `redis+sentinel://:${password}@127.0.0.1:${node.port}/main`
  return { url, [Symbol.asyncDispose]: () => node[Symbol.asyncDispose]() }
}

test('a failover that is heard of while a connection is made anew costs none for ever', async t => {
  await using master = await startNode({ lines: common })
  await using sentinel = await startSentinel(master)
  const connection = openRedis(sentinel.url, openLog('test', 'silent'), 3000)
  t.teardown(() => connection.disconnect())
  const serves = () =>
    connection.ping().then(
      () => true,
      () => false,
    )
  await until('it to serve', serves)

  type Connector = {
    resolve: (at: unknown) => Promise<unknown>
    failoverDetector: { disconnect: () => void }
  }
  const { connector } = connection as unknown as { connector: Connector }
  const resolve = connector.resolve.bind(connector)
  const heard = new Promise<void>(done => {
    connector.resolve = at => {
      connector.resolve = resolve
      connector.failoverDetector.disconnect()
      done()
      return resolve(at)
    }
  })
  await master.admin.client('KILL', 'TYPE', 'normal')
  await heard
  t.true(await until('it to serve again', serves))
})
