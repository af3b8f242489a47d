import type { Cluster, Redis } from 'ioredis'

// What the driver does for ever when it is told to leave a server at the wrong moment.

/**
 * A cluster that is left while it asks for the map of its slots goes on asking, and holds up the end of the process: the
 * answer sets the timer again that leaving has cleared.
 */
export const clusterLeftForGood = (cluster: Cluster): void => {
  const own = cluster as unknown as Record<string, unknown>
  const ask = () => cluster.refreshSlotsCache(nextRound)
  const nextRound = (): void => {
    if (!own.manuallyClosing) own.slotsTimer = setTimeout(ask, cluster.options.slotsRefreshInterval)
  }
  own.resetNodesRefreshInterval = () => own.slotsTimer ?? nextRound()
}

/**
 * A cluster that is left while it knows no node waits for ever for the last of them to end, and who waits on it with it:
 * so does a worker, which leaves a connection that has been silent for too long and takes it up again.
 */
export const clusterLeftAlone = (cluster: Cluster): void => {
  const own = cluster as unknown as { setStatus: (status: string) => void; handleCloseEvent: () => void }
  const leave = cluster.disconnect.bind(cluster)
  cluster.disconnect = (reconnect = false) => {
    const isAlone = cluster.nodes('all').length === 0
    const { status } = cluster
    leave(reconnect)
    if (!isAlone || status === 'wait' || status === 'close' || status === 'disconnecting') return
    own.setStatus('close')
    own.handleCloseEvent()
  }
}

/** A failover that is heard of while a connection is made anew: it would end the way there, and so the connection. */
export const failoverLeavesNobody = (redis: Redis): void => {
  const own = redis as unknown as { manuallyClosing?: boolean; connector: { disconnect: () => void } }
  const leave = own.connector.disconnect.bind(own.connector)
  own.connector.disconnect = () => {
    if (own.manuallyClosing || redis.status !== 'connecting') return leave()
    // The way may lead to the old master: it is left once its end is reached, and another is asked for.
    redis.once('connect', leave)
    redis.once('close', () => redis.off('connect', leave))
  }
}
