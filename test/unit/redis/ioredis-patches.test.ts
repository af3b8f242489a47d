import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import anyTest from 'ava'
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis'
import { onFreePort } from '../../../src/platform/base/free-port.ts'
import { patchCluster, patchRedis } from '../../../src/platform/redis/ioredis-patches.ts'
import { countWrites } from '../../count-writes.ts'
import { clusterNode, common, openFakeRedis } from './fake-redis.ts'

// Each test runs ioredis without and with its patch. If ioredis passes without it, remove the patch.

// One test blocks the event loop.
const test = anyTest.serial

type Outcome<T> = { unpatched: T; patched: T }

const codeOf = (error: Error): string => ('code' in error ? String(error.code) : error.message)

/** Runs the same steps on an ioredis of its own each. `errors` are those that reach the application. */
const onRedis = async <T>(
  options: RedisOptions,
  steps: (redis: Redis, errors: string[]) => Promise<T>,
): Promise<Outcome<T>> => {
  const run = async (patch: (redis: Redis, onError: (error: Error) => void) => Redis): Promise<T> => {
    const errors: string[] = []
    const onError = (error: Error) => void errors.push(codeOf(error))
    const redis = patch(new Redis({ ...options, lazyConnect: true }), onError).on('error', onError)
    try {
      return await steps(redis, errors)
    } finally {
      redis.disconnect()
    }
  }
  return { unpatched: await run(redis => redis), patched: await run(patchRedis) }
}

const onCluster = async <T>(
  port: number,
  options: ClusterOptions,
  steps: (cluster: Cluster, errors: string[]) => Promise<T>,
): Promise<Outcome<T>> => {
  const run = async (isPatched: boolean): Promise<T> => {
    const errors: string[] = []
    const onError = (error: Error) => void errors.push(codeOf(error))
    const cluster = new Cluster([{ host: '127.0.0.1', port }], { ...options, lazyConnect: true })
    if (isPatched) patchCluster(cluster, onError)
    cluster.on('error', onError).on('node error', onError)
    try {
      return await steps(cluster, errors)
    } finally {
      cluster.disconnect()
    }
  }
  return { unpatched: await run(false), patched: await run(true) }
}

const outcomeOf = (command: Promise<unknown>): Promise<unknown> =>
  command.catch((error: Error) => error.message)

test('this process stalls for longer than the command timeout → a reply in the socket still counts', async t => {
  await using server = await openFakeRedis(() => ([name = ''], connection, socket) => {
    if (name !== 'ping') return common([name], connection, socket)
    socket.write('+PONG\r\n')
    for (const end = performance.now() + 600; performance.now() < end; );
    return null
  })
  const found = await onRedis({ port: server.port, commandTimeout: 300 }, async redis => {
    await redis.connect()
    return outcomeOf(redis.ping())
  })
  t.deepEqual(found, { unpatched: 'Command timed out', patched: 'PONG' })
})

test('this process stalls for longer than the socket timeout → a reply in the socket keeps the connection', async t => {
  const closes: number[] = []
  for (const patch of [(redis: Redis) => redis, (redis: Redis) => patchRedis(redis, () => {})]) {
    await using server = await openFakeRedis(() => (command, connection, socket) => {
      if (command[0] !== 'ping' || connection > 1) return common(command, connection, socket)
      socket.write('+PONG\r\n')
      for (const end = performance.now() + 600; performance.now() < end; );
      return null
    })
    const redis = patch(new Redis({ port: server.port, socketTimeout: 300 })).on('error', () => {})
    let count = 0
    redis.on('close', () => count++)
    await redis.ping()
    closes.push(count)
    redis.disconnect()
  }
  t.deepEqual(closes, [1, 0])
})

test('a command times out before the connection is ready → it is not sent later', async t => {
  await using server = await openFakeRedis(() => (command, connection, socket) => {
    if (command[0] !== 'info') return common(command, connection, socket)
    setTimeout(() => socket.write(common(command, connection, socket) ?? ''), 150)
    return null
  })
  const found = await onRedis({ port: server.port, commandTimeout: 500 }, async redis => {
    redis.connect().catch(() => {})
    redis.options.commandTimeout = 50
    const setting = outcomeOf(redis.set('key', 'value'))
    redis.options.commandTimeout = 500
    const outcome = await setting
    if (redis.status !== 'ready') await once(redis, 'ready')
    await redis.ping()
    const sent = server.commands.splice(0).filter(([name]) => name === 'set').length
    return { outcome, sent }
  })
  const outcome = 'Command timed out'
  t.deepEqual(found, { unpatched: { outcome, sent: 1 }, patched: { outcome, sent: 0 } })
})

test('a connection closes before it replies → its socket timeout does not destroy the next connection', async t => {
  const found = await Promise.all(
    [(redis: Redis) => redis, (redis: Redis) => patchRedis(redis, () => {})].map(async patch => {
      await using server = await openFakeRedis(() => (command, connection, socket) => {
        if (command[0] !== 'ping' || connection > 1) return common(command, connection, socket)
        setTimeout(() => socket.destroy(), 20)
        return null
      })
      const redis = patch(new Redis({ port: server.port, socketTimeout: 250 })).on('error', () => {})
      let closes = 0
      redis.on('close', () => closes++)
      await redis.ping()
      await sleep(400)
      redis.disconnect()
      return closes
    }),
  )
  t.deepEqual(found, [2, 1])
})

test('many commands in one turn of the event loop → one write', async t => {
  await using server = await openFakeRedis(() => common)
  const found = await onRedis({ port: server.port }, async redis => {
    await redis.connect()
    const { stream } = redis as unknown as { stream: Duplex }
    const writes = countWrites(stream)
    await Promise.all(Array.from({ length: 20 }, () => redis.ping()))
    return writes()
  })
  t.deepEqual(found, { unpatched: 20, patched: 1 })
})

test('the connection that reads the slots of a cluster fails → the reason is reported', async t => {
  const port = await onFreePort(undefined, async free => free)
  const found = await onCluster(port, { clusterRetryStrategy: () => 20 }, async (cluster, errors) => {
    cluster.connect().catch(() => {})
    await sleep(300)
    return errors.includes('ECONNREFUSED')
  })
  t.deepEqual(found, { unpatched: false, patched: true })
})

test('this process stalls while a cluster replies → the reply in the socket still counts', async t => {
  await using server = await openFakeRedis(port =>
    clusterNode(port, (command, connection, socket) => {
      if (command[0] !== 'ping') return common(command, connection, socket)
      socket.write('+PONG\r\n')
      for (const end = performance.now() + 600; performance.now() < end; );
      return null
    }),
  )
  const found = await onCluster(server.port, { redisOptions: { commandTimeout: 300 } }, async cluster => {
    cluster.connect().catch(() => {})
    if (cluster.status !== 'ready') await new Promise(resolve => cluster.once('ready', resolve))
    return outcomeOf(cluster.ping())
  })
  t.deepEqual(found, { unpatched: 'Command timed out', patched: 'PONG' })
})
