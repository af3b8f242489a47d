import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, Redis } from 'ioredis'
import type { Log } from '../base/log.ts'
import { parseRedisUrl, type RedisAddress } from '../config/redis-url.ts'
import { mended, mendedCluster } from './ioredis-patches.ts'
import { answering, blocking, credentials, type Manner, retry, sentinelOptions } from './redis-options.ts'

/** A connection to a single server, to the master that Sentinel names, or to every node of a cluster. */
export type RedisConnection = Redis | Cluster

type Tell = (fault: Error) => void

// Certificates are made out to names: a node that was told by name is asked by name.
const openCluster = (address: RedisAddress & { kind: 'cluster' }, manner: Manner, tell: Tell): Cluster => {
  const { enableOfflineQueue: _, ...node } = manner.redis
  const cluster = new Cluster(address.nodes, {
    ...manner.cluster,
    slotsRefreshTimeout: 1000,
    clusterRetryStrategy: retry,
    dnsLookup: (name, found) => found(null, name),
    redisOptions: { ...node, ...credentials(address) },
  })
  return mendedCluster(cluster, manner.redis.commandTimeout, tell).on('error', tell).on('node error', tell)
}

const openServer = (
  address: RedisAddress & { kind: 'single' | 'sentinel' },
  manner: Manner,
  tell: Tell,
): Redis => {
  const where = address.kind === 'sentinel' ? sentinelOptions(address) : address.at
  const options = { ...manner.redis, ...where, ...credentials(address), db: address.db, retryStrategy: retry }
  return mended(new Redis(options), tell).on('error', tell)
}

const connect = (url: string, log: Log, manner: Manner): RedisConnection => {
  const address = parseRedisUrl(url)
  if ('error' in address) throw new Error(`REDIS_URL ${address.error}`)
  const tell = (err: Error) => log.warn({ err }, manner.words)
  return address.kind === 'cluster' ? openCluster(address, manner, tell) : openServer(address, manner, tell)
}

/**
 * A connection that answers or fails within `timeoutMs` milliseconds: a request never waits for Redis to come back.
 * It reconnects by itself for as long as it lives.
 */
export const openRedis = (url: string, log: Log, timeoutMs: number): RedisConnection =>
  connect(url, log, answering(timeoutMs))

/** BullMQ's workers wait on a connection of their own, for ever if need be. */
export const openBlockingRedis = (url: string, log: Log): RedisConnection => connect(url, log, blocking)

/** Rejects where nobody answers. Of a cluster one node is enough: it serves some users, if not all. */
export const pingRedis = async (redis: RedisConnection): Promise<void> => {
  await (redis instanceof Redis ? redis.ping() : Promise.any(redis.nodes('master').map(node => node.ping())))
}

const ready = async (redis: RedisConnection): Promise<void> => {
  if (redis.status !== 'ready') await new Promise(resolve => redis.once('ready', resolve))
  // A node is connected to when it is first asked: what comes meanwhile would have to wait.
  if (redis instanceof Cluster) await Promise.allSettled(redis.nodes('master').map(node => node.ping()))
}

/** Resolves once the connection is up, or after `timeoutMs` milliseconds either way. */
export const redisUp = async (redis: RedisConnection, timeoutMs: number): Promise<void> => {
  const enough = new AbortController()
  const late = sleep(timeoutMs, undefined, { signal: enough.signal }).catch(() => {})
  await Promise.race([ready(redis), late])
  enough.abort()
}
