import { setTimeout as sleep } from 'node:timers/promises'
import anyTest from 'ava'
import { Cluster, type ClusterOptions } from 'ioredis'
import { onFreePort } from '../../../src/platform/base/free-port.ts'
import {
  failUnreadyPipelines,
  reconnectAfterDisconnect,
  stopSlotRefreshOnClose,
} from '../../../src/platform/redis/ioredis-cluster-patches.ts'
import { bulk, clusterNode, openFakeRedis } from './fake-redis.ts'

// Each test runs ioredis without and with its patch. If ioredis passes without it, remove the patch. The tests in
// test/cluster run the same steps against real servers.

const test = anyTest.serial

const openCluster = (port: number, options: ClusterOptions = {}): Cluster =>
  new Cluster([{ host: '127.0.0.1', port }], { clusterRetryStrategy: () => 20, ...options }).on(
    'error',
    () => {},
  )

/** Resolves at an event. `once` of node:events would reject at an error in between. */
const event = (cluster: Cluster, name: string): Promise<string> =>
  new Promise(resolve => cluster.once(name, () => resolve(name)))

/** The result, the message of the error, or `pending`. A patched cluster gets the time that a slow machine needs. */
const outcomeOf = (steps: Promise<string>, isPatched: boolean): Promise<string> =>
  Promise.race([
    steps.catch((error: Error) => error.message),
    sleep(isPatched ? 8000 : 300, 'pending', { ref: false }),
  ])

test('a cluster disconnects while it reads its slots → no timer is left', async t => {
  for (const isPatched of [false, true]) {
    let reads = 0
    const reading = Promise.withResolvers<void>()
    await using server = await openFakeRedis(port => {
      const answer = clusterNode(port)
      return (command, connection, socket) => {
        const text = answer(command, connection, socket)
        if (command[1] !== 'SLOTS' || ++reads === 1) return text
        reading.resolve()
        setTimeout(() => socket.write(text ?? ''), 50)
        return null
      }
    })
    const cluster = openCluster(server.port, { slotsRefreshInterval: 30 })
    if (isPatched) stopSlotRefreshOnClose(cluster)
    await event(cluster, 'ready')
    await reading.promise
    cluster.disconnect()
    await sleep(100)
    const internals = cluster as unknown as { slotsTimer: NodeJS.Timeout | null }
    t.is(internals.slotsTimer !== null, !isPatched)
    cluster.options.slotsRefreshInterval = 1e6
    while (internals.slotsTimer && !isPatched) {
      clearTimeout(internals.slotsTimer)
      internals.slotsTimer = null
      await sleep(50)
    }
  }
})

test('a cluster disconnects while it knows no node → it emits end', async t => {
  const port = await onFreePort(undefined, async free => free)
  for (const isPatched of [false, true]) {
    const cluster = openCluster(port)
    if (isPatched) reconnectAfterDisconnect(cluster)
    await event(cluster, 'reconnecting')
    const ended = event(cluster, 'end')
    cluster.disconnect()
    t.is(await outcomeOf(ended, isPatched), isPatched ? 'end' : 'pending')
  }
})

test('a cluster connects right after it disconnects → it answers again', async t => {
  for (const isPatched of [false, true]) {
    await using server = await openFakeRedis(clusterNode)
    const cluster = openCluster(server.port)
    if (isPatched) reconnectAfterDisconnect(cluster)
    await event(cluster, 'ready')
    await cluster.ping()
    cluster.disconnect()
    const pong = cluster.connect().then(() => cluster.ping())
    t.is((await outcomeOf(pong, isPatched)) === 'PONG', isPatched)
    cluster.options.clusterRetryStrategy = () => null
    cluster.disconnect()
  }
})

test('a cluster connects while it is not ready → connect resolves when it is ready', async t => {
  for (const isPatched of [false, true]) {
    let isDown = true
    await using server = await openFakeRedis(port => {
      const answer = clusterNode(port)
      return (command, ...rest) =>
        isDown && command[1] === 'INFO' ? bulk('cluster_state:fail\r\n') : answer(command, ...rest)
    })
    const cluster = openCluster(server.port, { lazyConnect: true })
    if (isPatched) reconnectAfterDisconnect(cluster)
    cluster.once('reconnecting', () => {
      isDown = false
    })
    const pong = cluster.connect().then(() => cluster.ping())
    t.is((await outcomeOf(pong, isPatched)) === 'PONG', isPatched)
    cluster.disconnect()
  }
})

test('a pipeline to a cluster that closed before it connected → it fails at once', async t => {
  const port = await onFreePort(undefined, async free => free)
  for (const isPatched of [false, true]) {
    const cluster = openCluster(port, { enableOfflineQueue: false, lazyConnect: true })
    if (isPatched) failUnreadyPipelines(cluster)
    cluster.disconnect()
    await event(cluster, 'end')
    const result = cluster.pipeline().get('key').exec().then(String)
    t.is(await outcomeOf(result, isPatched), isPatched ? "Cluster isn't ready" : 'pending')
  }
})
