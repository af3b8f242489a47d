import { setImmediate } from 'node:timers/promises'
import type { Cluster, Redis } from 'ioredis'

// Checked with ioredis 5.11.1. The tests in ioredis-cluster-patches.test.ts fail when ioredis no longer needs a patch.

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
 * - An old connection that closes late removes its successor, which has the same address, from the pool.
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
 * Symptom: a pipeline ignores `enableOfflineQueue: false`. It waits for the slots of a cluster that has not connected, and
 * indefinitely if the cluster was closed. No public report found; a reviewer of
 * https://github.com/redis/ioredis/pull/1201 asks whether this may hang.
 */
export const failUnreadyPipelines = (cluster: Cluster): void => {
  if (cluster.options.enableOfflineQueue !== false) return
  cluster.delayUntilReady = callback => void process.nextTick(callback, new Error("Cluster isn't ready"))
}
