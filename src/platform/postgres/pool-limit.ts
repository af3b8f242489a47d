import type { Pool, PoolClient } from 'pg'

type Connected = (error: Error | undefined, client: PoolClient | undefined, done: () => void) => void

/**
 * Refuses (ERR_POOL_BUSY) who would have to wait behind so many for a connection: it would be in vain, and hold a request
 * open meanwhile.
 */
export const limitPool = (pool: Pool, atMost: number): void => {
  const connect = pool.connect.bind(pool) as (connected?: Connected) => Promise<PoolClient>
  const bounded = (connected?: Connected): Promise<PoolClient> | undefined => {
    if (pool.waitingCount < atMost) return connect(connected)
    const busy = Object.assign(new Error('too many wait for a connection'), { code: 'ERR_POOL_BUSY' })
    if (!connected) return Promise.reject(busy)
    process.nextTick(connected, busy, undefined, () => {})
  }
  pool.connect = bounded as Pool['connect']
}
