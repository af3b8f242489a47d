import { setImmediate } from 'node:timers/promises'
import type { Cluster, Redis } from 'ioredis'

// What the driver does for ever when it is told to leave a server at the wrong moment.

/**
 * A cluster that is left while it asks for the map of its slots goes on asking, and holds up the end of the process: the
 * answer sets the timer again that leaving has cleared.
 */
export const stopSlotRefreshOnClose = (cluster: Cluster): void => {
  const own = cluster as unknown as Record<string, unknown>
  const ask = () => cluster.refreshSlotsCache(nextRound)
  const nextRound = (): void => {
    if (!own.manuallyClosing) own.slotsTimer = setTimeout(ask, cluster.options.slotsRefreshInterval)
  }
  own.resetNodesRefreshInterval = () => own.slotsTimer ?? nextRound()
}

/**
 * A cluster that is left has an end, for whoever waits on it, and one that is taken up again begins after that. The driver
 * tells no end where it knew no node, or where it is taken up before the last of its connections is gone, whose rest then
 * removes their successors; and whoever takes up a cluster that is not well yet hears of it no more. A worker leaves
 * a connection that was silent for too long and takes it up at once: each of these kept it from its work for ever.
 */
export const reconnectAfterDisconnect = (cluster: Cluster): void => {
  const own = cluster as unknown as {
    setStatus: (status: string) => void
    handleCloseEvent: (reason?: Error) => void
    reconnectTimeout: NodeJS.Timeout | null
  }
  const alive = new Set<Redis>()
  cluster.on('+node', (node: Redis) => alive.add(node)).on('-node', (node: Redis) => alive.delete(node))

  // It is told of one end by two ways: to connect twice would be once after it was left for good.
  const close = own.handleCloseEvent.bind(cluster)
  own.handleCloseEvent = reason => {
    if (cluster.status === 'close') close(reason)
  }
  const end = async (leaving: Redis[]): Promise<void> => {
    while (leaving.some(node => alive.has(node))) await new Promise(resolve => cluster.once('-node', resolve))
    await setImmediate()
    const untold = cluster.status === 'disconnecting' || cluster.status === 'close'
    if (!untold || own.reconnectTimeout) return
    own.setStatus('close')
    own.handleCloseEvent()
    // It is told a moment later.
    await setImmediate()
  }

  let times = 0
  let left = Promise.resolve()
  const leave = cluster.disconnect.bind(cluster)
  cluster.disconnect = reconnect => {
    times++
    leave(reconnect)
    // Also one that the pool has lost sight of: it forgets by address, and who left may have come back.
    const leaving = [...alive]
    for (const node of leaving) node.disconnect()
    left = end(leaving)
  }
  const connect = cluster.connect.bind(cluster)
  cluster.connect = async () => {
    const before = times
    await left
    if (times !== before) throw new Error('The cluster was left meanwhile')
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const over = () => reject(new Error('The cluster has ended'))
    cluster.once('ready', resolve).once('end', over)
    connect().then(resolve, reject)
    return promise.finally(() => cluster.off('ready', resolve).off('end', over))
  }
}

/** A failover that is heard of while a connection is made anew: it would end the way there, and so the connection. */
export const deferFailoverDisconnect = (redis: Redis): void => {
  const own = redis as unknown as { manuallyClosing?: boolean; connector: { disconnect: () => void } }
  const leave = own.connector.disconnect.bind(own.connector)
  own.connector.disconnect = () => {
    if (own.manuallyClosing || redis.status !== 'connecting') return leave()
    // The way may lead to the old master: it is left once its end is reached, and another is asked for.
    redis.once('connect', leave)
    redis.once('close', () => redis.off('connect', leave))
  }
}
