import { setImmediate } from 'node:timers/promises'
import type { Cluster, Redis } from 'ioredis'

// Checked with ioredis 5.11.1. The tests in ioredis-disconnect-patches.test.ts fail when ioredis no longer needs a patch.

/**
 * Symptom: a cluster that disconnects while it reads its slots keeps reading them, and the process never ends. The reply
 * sets the timer again that `disconnect` has cleared. No public report found.
 */
export const stopSlotRefreshOnClose = (cluster: Cluster): void => {
  const internals = cluster as unknown as Record<string, unknown>
  const refresh = () => cluster.refreshSlotsCache(scheduleRefresh)
  const scheduleRefresh = (): void => {
    if (!internals.manuallyClosing)
      internals.slotsTimer = setTimeout(refresh, cluster.options.slotsRefreshInterval)
  }
  internals.resetNodesRefreshInterval = () => internals.slotsTimer ?? scheduleRefresh()
}

/**
 * Symptom: a BullMQ worker disconnects a connection that was silent for too long and connects it again at once. On a
 * cluster, that worker then never takes a job again (a similar report: https://github.com/taskforcesh/bullmq/issues/4138).
 * ioredis does three things wrong:
 *
 * - It emits no `end` where it knew no node when it disconnected.
 * - A connection of before that closes late removes its successor, which has the same address, from the pool.
 * - `connect` rejects while the cluster is not ready and never resolves later, when the cluster has become ready.
 *
 * Here a disconnect always ends, and `connect` waits for that end and then for the first `ready`.
 */
export const reconnectAfterDisconnect = (cluster: Cluster): void => {
  const internals = cluster as unknown as {
    setStatus: (status: string) => void
    handleCloseEvent: (reason?: Error) => void
    reconnectTimeout: NodeJS.Timeout | null
  }
  const openNodes = new Set<Redis>()
  cluster
    .on('+node', (node: Redis) => openNodes.add(node))
    .on('-node', (node: Redis) => openNodes.delete(node))

  // ioredis calls this twice for one close. The second call would connect a cluster that was closed permanently.
  const handleClose = internals.handleCloseEvent.bind(cluster)
  internals.handleCloseEvent = reason => {
    if (cluster.status === 'close') handleClose(reason)
  }
  const endAfter = async (closing: Redis[]): Promise<void> => {
    while (closing.some(node => openNodes.has(node)))
      await new Promise(resolve => cluster.once('-node', resolve))
    await setImmediate()
    const hasNotEnded = cluster.status === 'disconnecting' || cluster.status === 'close'
    if (!hasNotEnded || internals.reconnectTimeout) return
    internals.setStatus('close')
    internals.handleCloseEvent()
    // ioredis emits the status in the next turn.
    await setImmediate()
  }

  let disconnects = 0
  let ended = Promise.resolve()
  const disconnect = cluster.disconnect.bind(cluster)
  cluster.disconnect = reconnect => {
    disconnects++
    disconnect(reconnect)
    // The pool knows nodes by address, so it has lost an old connection whose node came back. Close that one too.
    const closing = [...openNodes]
    for (const node of closing) node.disconnect()
    ended = endAfter(closing)
  }
  const connect = cluster.connect.bind(cluster)
  cluster.connect = async () => {
    const before = disconnects
    await ended
    if (disconnects !== before) throw new Error('The cluster was disconnected before it connected')
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onEnd = () => reject(new Error('The cluster has ended'))
    cluster.once('ready', resolve).once('end', onEnd)
    connect().then(resolve, reject)
    return promise.finally(() => cluster.off('ready', resolve).off('end', onEnd))
  }
}

/**
 * Symptom: Sentinel announces a failover while ioredis reconnects. ioredis then aborts that attempt and never makes
 * another one. Here it disconnects once the attempt has connected, as that may be to the old master, and asks Sentinel
 * again. No public report found; the detector comes from https://github.com/redis/ioredis/pull/1328.
 */
export const deferFailoverDisconnect = (redis: Redis): void => {
  const internals = redis as unknown as { manuallyClosing?: boolean; connector: { disconnect: () => void } }
  const disconnect = internals.connector.disconnect.bind(internals.connector)
  internals.connector.disconnect = () => {
    if (internals.manuallyClosing || redis.status !== 'connecting') return disconnect()
    redis.once('connect', disconnect)
    redis.once('close', () => redis.off('connect', disconnect))
  }
}
