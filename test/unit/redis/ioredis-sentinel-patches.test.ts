import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { Redis } from 'ioredis'
import { onFreePort } from '../../../src/platform/base/free-port.ts'
import { patchSentinel } from '../../../src/platform/redis/ioredis-sentinel-patches.ts'
import { until } from '../../until.ts'
import { array, bulk, common, openFakeRedis } from './fake-redis.ts'

// Each test runs ioredis without and with its patch. If ioredis passes without it, remove the patch.

const open = (port: number, errors: string[] = []): Redis =>
  new Redis({
    sentinels: [{ host: '127.0.0.1', port }],
    name: 'main',
    failoverDetector: true,
    lazyConnect: true,
    retryStrategy: () => 20,
    sentinelRetryStrategy: () => 20,
  }).on('error', error => errors.push(error.message))

test('no Sentinel can be reached → the reason is reported', async t => {
  const port = await onFreePort(undefined, async free => free)
  for (const isPatched of [false, true]) {
    const errors: string[] = []
    const redis = open(port, errors)
    if (isPatched) patchSentinel(redis, error => errors.push(error.message))
    redis.connect().catch(() => {})
    const isReported = () => errors.join().includes('ECONNREFUSED')
    await (isPatched ? until('the reason', isReported) : sleep(300))
    redis.disconnect()
    t.is(isReported(), isPatched, errors.join())
  }
})

test('Sentinel announces a failover while ioredis reconnects → it connects again', async t => {
  for (const isPatched of [false, true]) {
    await using master = await openFakeRedis(() => common)
    await using sentinel = await openFakeRedis(() => ([name = '', sub = '', channel = '']) => {
      if (name === 'subscribe') return array(bulk('subscribe'), bulk(sub), ':1\r\n')
      if (sub === 'get-master-addr-by-name') return array(bulk('127.0.0.1'), bulk(String(master.port)))
      return sub === 'sentinels' ? array() : common([name, sub, channel], 0, undefined as never)
    })
    const redis = open(sentinel.port)
    if (isPatched) patchSentinel(redis, () => {})
    await redis.ping()
    await sleep(50)

    type Connector = {
      resolve: (at: unknown) => Promise<unknown>
      failoverDetector: { disconnect: () => void }
    }
    const { connector } = redis as unknown as { connector: Connector }
    const resolve = connector.resolve.bind(connector)
    connector.resolve = at => {
      connector.resolve = resolve
      connector.failoverDetector.disconnect()
      return resolve(at)
    }
    for (const socket of master.sockets) socket.destroy()
    await sleep(10)
    const outcome = await redis.ping().catch((error: Error) => error.message)
    t.is(outcome, isPatched ? 'PONG' : 'Connection is closed.')
    redis.disconnect()
  }
})
