import type { Duplex } from 'node:stream'
import type { Cluster, Command, Redis } from 'ioredis'
import { inOneWrite } from '../base/batch-writes.ts'
import {
  deferFailoverDisconnect,
  reconnectAfterDisconnect,
  stopSlotRefreshOnClose,
} from './ioredis-disconnect.ts'

// What the driver does not do by itself, on every connection: to a single server, and to each node of a cluster.

// Whoever asked was told that there is no answer: such a command may wait for a connection no more.
const givenUp = new WeakSet<Command>()

// After a stall of this process timers come before sockets: an answer that lies there waiting would count as late, or a
// command that has not left, and with it every request of that moment. What this process lost, it waits for once more.
const giveUpAfterReading = (command: Command): void => {
  let timer: NodeJS.Timeout | undefined
  command.setTimeout = milliseconds => {
    if (timer) return
    const giveUp = () => {
      givenUp.add(command)
      command.reject(new Error('Command timed out'))
    }
    const due = performance.now() + milliseconds
    const retryRead = () =>
      (timer = setTimeout(giveUp, Math.min(Math.max(performance.now() - due, 1), milliseconds)))
    timer = setTimeout(retryRead, milliseconds)
    const stop = () => clearTimeout(timer)
    command.promise.then(stop, stop)
  }
}

// ioredis before 6 leaves the timer of `socketTimeout` running when its connection closes: there it holds up the end of
// the process, and else destroys the connection that came after it (redis/ioredis#2147).
const withoutStaleTimer = (redis: Redis): Redis => {
  const own = redis as unknown as { socketTimeoutTimer: NodeJS.Timeout | undefined }
  redis.on('close', () => {
    clearTimeout(own.socketTimeoutTimer)
    own.socketTimeoutTimer = undefined
  })
  return redis
}

// A pipeline counts its commands as they are written: none of them can be left out.
const withoutGivenUp = (redis: Redis): Redis => {
  const send = redis.sendCommand.bind(redis)
  redis.sendCommand = (command, stream) =>
    givenUp.has(command) && !stream ? command.promise : send(command, stream)
  return redis
}

// A pipeline is one write already.
const batched = (redis: Redis): Redis => {
  const own = redis as unknown as { stream?: Duplex }
  const send = redis.sendCommand.bind(redis)
  redis.sendCommand = (command, stream) => {
    if (own.stream && !stream) inOneWrite(own.stream)
    return send(command, stream)
  }
  return redis
}

// The driver asks sentinels and, for the map of slots, nodes by connections of its own. Why those fail, such as a
// certificate that is not trusted, it drops or prints on standard error.
const withTellingSentinels = (redis: Redis, tell: (fault: Error) => void): Redis => {
  type Connector = { connectToSentinel?: (...args: unknown[]) => Redis }
  const { connector } = redis as unknown as { connector: Connector }
  const open = connector.connectToSentinel?.bind(connector)
  if (!open) return redis
  connector.connectToSentinel = (...args) => open(...args).on('error', tell)
  deferFailoverDisconnect(redis)
  return redis
}

const mendedNode = (node: Redis, tell: (fault: Error) => void): void => {
  batched(withoutGivenUp(withoutStaleTimer(node)))
  const duplicate = node.duplicate.bind(node)
  node.duplicate = options => withoutStaleTimer(duplicate(options)).on('error', tell)
}

/** Mends a connection to one server, and every duplicate of it. `tell` gets the faults of connections beside it. */
export const mended = (redis: Redis, tell: (fault: Error) => void): Redis => {
  batched(withoutGivenUp(withoutStaleTimer(withTellingSentinels(redis, tell))))
  const send = redis.sendCommand
  redis.sendCommand = (command, stream) => {
    giveUpAfterReading(command)
    return send(command, stream)
  }
  const duplicate = redis.duplicate.bind(redis)
  redis.duplicate = options => mended(duplicate(options), tell)
  return redis
}

/**
 * Mends every connection of a cluster, and every duplicate of it. The driver times each of a command's ways to a node
 * and none of its waits in between: here `timeoutMs` in milliseconds is for all of them together.
 */
export const mendedCluster = (
  cluster: Cluster,
  timeoutMs: number | undefined,
  tell: (fault: Error) => void,
): Cluster => {
  cluster.on('+node', node => mendedNode(node, tell))
  stopSlotRefreshOnClose(cluster)
  reconnectAfterDisconnect(cluster)
  // A pipeline waits for the first connection, and for ever if need be.
  if (timeoutMs !== undefined)
    cluster.delayUntilReady = callback => void process.nextTick(callback, new Error("Cluster isn't ready"))
  const send = cluster.sendCommand.bind(cluster)
  cluster.sendCommand = (command, stream, node) => {
    giveUpAfterReading(command)
    if (timeoutMs !== undefined) command.setTimeout(timeoutMs)
    return send(command, stream, node)
  }
  const duplicate = cluster.duplicate.bind(cluster)
  cluster.duplicate = (nodes, options) => mendedCluster(duplicate(nodes, options), timeoutMs, tell)
  return cluster
}
