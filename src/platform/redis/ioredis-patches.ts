import type { Duplex } from 'node:stream'
import type { Cluster, Redis } from 'ioredis'
import { batchWrites } from '../base/batch-writes.ts'
import { secondWait } from './command-timeouts.ts'
import {
  failUnreadyPipelines,
  reconnectAfterDisconnect,
  stopSlotRefreshOnClose,
} from './ioredis-cluster-patches.ts'
import { hasTimedOut, timeOutAfterReading } from './ioredis-command-patches.ts'
import { patchSentinel } from './ioredis-sentinel-patches.ts'

// Checked with ioredis 5.11.1. The tests in ioredis-patches.test.ts fail when ioredis no longer needs a patch.

type OnError = (error: Error) => void

/**
 * Symptom: a command that timed out while it waited for a connection is sent when the connection is up, after its request
 * was answered with 503 (https://github.com/redis/ioredis/issues/2130). A pipeline counts its commands as they are
 * written, so all of them are sent.
 */
const dropTimedOutCommands = (redis: Redis): Redis => {
  const send = redis.sendCommand.bind(redis)
  redis.sendCommand = (command, stream) =>
    hasTimedOut(command) && !stream ? command.promise : send(command, stream)
  return redis
}

type SocketTimeout = {
  stream: Duplex
  commandQueue: { length: number }
  socketTimeoutTimer: NodeJS.Timeout | undefined
  setSocketTimeout: () => void
}

/**
 * Symptom: ioredis before 6 leaves the timer of `socketTimeout` running when a connection closes. The timer keeps the
 * process alive, or destroys the next connection (https://github.com/redis/ioredis/issues/2147).
 *
 * Symptom: after this process stalls for longer than `socketTimeout`, ioredis destroys the connection, although a reply waits
 * in the socket. No public report found. Here it waits for a second time, for as long as the process stalled.
 */
const patchSocketTimeout = (redis: Redis): Redis => {
  const internals = redis as unknown as SocketTimeout
  const stop = (): void => {
    clearTimeout(internals.socketTimeoutTimer)
    internals.socketTimeoutTimer = undefined
  }
  redis.on('close', stop)
  const setSocketTimeout = (): void => {
    const { stream } = internals
    const { socketTimeout = 0 } = redis.options
    const due = performance.now() + socketTimeout
    const giveUp = (): void => {
      internals.socketTimeoutTimer = undefined
      stream.destroy(new Error(`No reply for ${socketTimeout} ms`))
    }
    const waitAgain = (): void => {
      internals.socketTimeoutTimer = setTimeout(giveUp, secondWait(due, socketTimeout))
    }
    internals.socketTimeoutTimer = setTimeout(waitAgain, socketTimeout)
    stream.once('data', () => {
      stop()
      if (internals.commandQueue.length > 0) setSocketTimeout()
    })
  }
  internals.setSocketTimeout = setSocketTimeout
  return redis
}

/**
 * Symptom: each command costs a system call of its own. The option `enableAutoPipelining` answers a command only when its
 * whole pipeline is answered (https://github.com/redis/ioredis/issues/1608). A pipeline is one write already.
 */
const batchCommands = (redis: Redis): Redis => {
  const internals = redis as unknown as { stream?: Duplex }
  const send = redis.sendCommand.bind(redis)
  redis.sendCommand = (command, stream) => {
    if (internals.stream && !stream) batchWrites(internals.stream)
    return send(command, stream)
  }
  return redis
}

/**
 * Symptom: the connection that reads the slots of a cluster, a duplicate of a node's, fails and ioredis hides the reason
 * as it does for Sentinel. No public report found.
 */
const patchNode = (node: Redis, onError: OnError): void => {
  batchCommands(dropTimedOutCommands(patchSocketTimeout(node)))
  const duplicate = node.duplicate.bind(node)
  node.duplicate = options => patchSocketTimeout(duplicate(options)).on('error', onError)
}

/**
 * Patches a connection to one server, and every duplicate of it. `onError` receives the errors of the connections to
 * Sentinels.
 */
export const patchRedis = (redis: Redis, onError: OnError): Redis => {
  batchCommands(dropTimedOutCommands(patchSocketTimeout(patchSentinel(redis, onError))))
  const send = redis.sendCommand
  redis.sendCommand = (command, stream) => {
    timeOutAfterReading(command)
    return send(command, stream)
  }
  const duplicate = redis.duplicate.bind(redis)
  redis.duplicate = options => patchRedis(duplicate(options), onError)
  return redis
}

/** Patches every connection of a cluster, and every duplicate of it. */
export const patchCluster = (cluster: Cluster, onError: OnError): Cluster => {
  cluster.on('+node', node => patchNode(node, onError))
  stopSlotRefreshOnClose(cluster)
  reconnectAfterDisconnect(cluster)
  failUnreadyPipelines(cluster)
  const send = cluster.sendCommand.bind(cluster)
  cluster.sendCommand = (command, stream, node) => {
    timeOutAfterReading(command)
    return send(command, stream, node)
  }
  const duplicate = cluster.duplicate.bind(cluster)
  cluster.duplicate = (nodes, options) => patchCluster(duplicate(nodes, options), onError)
  return cluster
}
