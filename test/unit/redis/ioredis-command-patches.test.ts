import anyTest, { type ExecutionContext } from 'ava'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { runCommand } from '../../../src/platform/redis/ioredis-command-patches.ts'
import { patchCluster, patchRedis } from '../../../src/platform/redis/ioredis-patches.ts'
import { array, bulk, clusterNode, common, openFakeRedis, type Reply } from './fake-redis.ts'

// One test counts the timers of this process, and one blocks it.
const test = anyTest.serial

const ignore = () => {}

const connected = async (t: ExecutionContext, port: number, options: RedisOptions = {}): Promise<Redis> => {
  const redis = patchRedis(new Redis({ port, lazyConnect: true, retryStrategy: null, ...options }), ignore)
  redis.on('error', ignore)
  t.teardown(() => redis.disconnect())
  await redis.connect()
  return redis
}

const replying =
  (reply: Reply): (() => Reply) =>
  () =>
  (command, ...rest) =>
    command[0] === 'evalsha' ? reply(command, ...rest) : common(command, ...rest)

const outcomeOf = (command: Promise<unknown>): Promise<unknown> =>
  command.catch((error: Error) => error.message)

const args = ['digest', '1', 'key', 'é€😀', '']

test('a command of ioredis and our own → the same bytes, and the same replies and errors', async t => {
  const replies = [
    ...[bulk('text'), '$-1\r\n', ':7\r\n', '+OK\r\n', '*0\r\n', '$3\r\n\u00e2\u0082\u00ac\r\n'],
    array(bulk('a'), ':1\r\n', '$-1\r\n', array(bulk('b'))),
    ...['-NOSCRIPT No matching script.\r\n', '-ERR unknown\r\n'],
  ]
  let next = 0
  const reply = () => replies[next++ % replies.length] ?? ''
  await using server = await openFakeRedis(
    replying((_command, _connection, socket) => {
      socket.write(reply(), 'latin1')
      return null
    }),
  )
  const redis = await connected(t, server.port)
  for (const each of replies) {
    server.commands.length = 0
    const own = await outcomeOf(runCommand(redis, 'evalsha', args))
    next--
    t.deepEqual(own, await outcomeOf(redis.evalsha('digest', 1, ...args.slice(2))), each)
    t.deepEqual(server.commands[0], server.commands[1])
  }
})

test('many commands wait for a reply → ioredis makes a timer for each of them, our own share one', async t => {
  await using server = await openFakeRedis(replying(() => ':1\r\n'))
  const timersOf = async (redis: Redis, run: () => Promise<unknown>): Promise<number> => {
    await redis.ping()
    const { setTimeout } = globalThis
    let timers = 0
    globalThis.setTimeout = ((callback: () => void, delay?: number) => {
      if (delay === 4321) timers++
      return setTimeout(callback, delay)
    }) as typeof setTimeout
    try {
      await Promise.all(Array.from({ length: 20 }, run))
    } finally {
      globalThis.setTimeout = setTimeout
    }
    return timers
  }
  const plain = new Redis({ port: server.port, commandTimeout: 4321 })
  t.teardown(() => plain.disconnect())
  t.is(await timersOf(plain, () => plain.evalsha('digest', 0)), 20)
  const redis = await connected(t, server.port, { commandTimeout: 4321 })
  t.true((await timersOf(redis, () => runCommand(redis, 'evalsha', args))) <= 1)
})

test('no reply comes → each command times out in turn, and a late reply is ignored', async t => {
  const late: (() => void)[] = []
  await using server = await openFakeRedis(
    replying((_command, _connection, socket) => {
      late.push(() => socket.write(':1\r\n'))
      return null
    }),
  )
  const redis = await connected(t, server.port, { commandTimeout: 100 })
  const begun = performance.now()
  const outcomes = Array.from({ length: 3 }, () => outcomeOf(runCommand(redis, 'evalsha', args)))
  t.deepEqual(await Promise.all(outcomes), Array(3).fill('Command timed out'))
  t.true(performance.now() - begun >= 99)
  for (const send of late) send()
  t.is(await redis.ping(), 'PONG')
})

test('this process stalls for longer than the command timeout → a reply in the socket still counts', async t => {
  await using server = await openFakeRedis(
    replying((_command, _connection, socket) => {
      socket.write(':1\r\n')
      for (const end = performance.now() + 600; performance.now() < end; );
      return null
    }),
  )
  const redis = await connected(t, server.port, { commandTimeout: 300 })
  t.is(await outcomeOf(runCommand(redis, 'evalsha', args)), 1)
})

test('the connection breaks before the reply → the command is sent again on the next one', async t => {
  await using server = await openFakeRedis(
    replying((_command, connection, socket) => {
      if (connection > 1) return ':2\r\n'
      socket.destroy()
      return null
    }),
  )
  const redis = await connected(t, server.port, { retryStrategy: () => 10 })
  t.is(await outcomeOf(runCommand(redis, 'evalsha', args)), 2)
})

test('a node of a cluster redirects a command → it is sent again', async t => {
  let sent = 0
  await using server = await openFakeRedis(port =>
    clusterNode(port, (command, ...rest) => {
      if (command[0] !== 'evalsha') return common(command, ...rest)
      return sent++ === 0 ? `-MOVED 12539 127.0.0.1:${port()}\r\n` : ':1\r\n'
    }),
  )
  const cluster = patchCluster(new Cluster([{ host: '127.0.0.1', port: server.port }]), ignore)
  t.teardown(() => cluster.disconnect())
  await new Promise(resolve => cluster.once('ready', resolve))
  t.is(await outcomeOf(runCommand(cluster, 'evalsha', args)), 1)
  t.is(sent, 2)
})
