import { type Command, Redis } from 'ioredis'
import type { Log } from '../base/log.ts'

// After a stall of this process timers come before sockets: an answer that lies there waiting would count as late, and
// with it every request of that moment. A command is given up only after its connection was read once more.
const giveUpAfterReading = (command: Command): void => {
  let timer: NodeJS.Timeout | undefined
  command.setTimeout = milliseconds => {
    if (timer) return
    const giveUp = () => command.reject(new Error('Command timed out'))
    timer = setTimeout(() => setImmediate(giveUp), milliseconds)
    const stop = () => clearTimeout(timer)
    command.promise.then(stop, stop)
  }
}

const withPatience = (redis: Redis): Redis => {
  const send = redis.sendCommand.bind(redis)
  redis.sendCommand = (command, stream) => {
    giveUpAfterReading(command)
    return send(command, stream)
  }
  return redis
}

// ioredis before 6 leaves the timer of `socketTimeout` running when its connection closes: there it holds up the end
// of the process, and else destroys the connection that came after it (redis/ioredis#2147).
const withoutStaleTimer = (redis: Redis): Redis => {
  const own = redis as unknown as { socketTimeoutTimer: NodeJS.Timeout | undefined }
  redis.on('close', () => {
    clearTimeout(own.socketTimeoutTimer)
    own.socketTimeoutTimer = undefined
  })
  const duplicate = redis.duplicate.bind(redis)
  redis.duplicate = options => mended(duplicate(options))
  return redis
}

const mended = (redis: Redis): Redis => withPatience(withoutStaleTimer(redis))

// A host that vanishes closes no connection: without `socketTimeout` the kernel would go on sending to it for a
// quarter of an hour, while its successor at the same address waits for us.

/**
 * A connection that answers or fails within 0.4 s: a request never waits for Redis to come back.
 * It reconnects by itself for as long as it lives.
 */
export const openRedis = (url: string, log: Log): Redis => {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: 400,
    socketTimeout: 2000,
    connectTimeout: 2000,
    retryStrategy: attempt => Math.min(attempt * 50, 1000),
    reconnectOnError: error => (error.message.startsWith('READONLY') ? 2 : false),
  })
  redis.on('error', err => log.warn({ err }, 'redis connection'))
  return mended(redis)
}

/** BullMQ's workers wait on a connection of their own, for ever if need be. */
export const openBlockingRedis = (url: string, log: Log): Redis => {
  const redis = new Redis(url, {
    maxRetriesPerRequest: null,
    // Above what a blocking command waits.
    socketTimeout: 30_000,
    connectTimeout: 2000,
    retryStrategy: attempt => Math.min(attempt * 50, 1000),
    reconnectOnError: error => (error.message.startsWith('READONLY') ? 2 : false),
  })
  redis.on('error', err => log.warn({ err }, 'redis connection of the queue'))
  return mended(redis)
}

/** Resolves once the connection is up, or after `patience` milliseconds either way. */
export const redisUp = async (redis: Redis, patience: number): Promise<void> => {
  if (redis.status === 'ready') return
  await new Promise<void>(resolve => {
    const timer = setTimeout(resolve, patience)
    redis.once('ready', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
