import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, Redis } from 'ioredis'
import type { Log } from '../base/log.ts'
import { parseRedisUrl, type RedisAddress } from '../config/redis-url.ts'
import { patchCluster, patchRedis } from './ioredis-patches.ts'
import {
  blockingProfile,
  type ConnectionProfile,
  credentials,
  requestProfile,
  retry,
  sentinelOptions,
} from './redis-options.ts'

/** A connection to a single server, to the master that Sentinel names, or to every node of a cluster. */
export type RedisConnection = Redis | Cluster

type OnError = (error: Error) => void

const openCluster = (
  address: RedisAddress & { kind: 'cluster' },
  profile: ConnectionProfile,
  onError: OnError,
): Cluster => {
  const { enableOfflineQueue: _, ...node } = profile.redis
  const cluster = new Cluster(address.nodes, {
    ...profile.cluster,
    slotsRefreshTimeout: 1000,
    clusterRetryStrategy: retry,
    // Connect to the names of nodes, as TLS certificates are issued for names and not for addresses.
    dnsLookup: (name, callback) => callback(null, name),
    redisOptions: { ...node, ...credentials(address) },
  })
  return patchCluster(cluster, onError).on('error', onError).on('node error', onError)
}

const openServer = (
  address: RedisAddress & { kind: 'single' | 'sentinel' },
  profile: ConnectionProfile,
  onError: OnError,
): Redis => {
  const server = address.kind === 'sentinel' ? sentinelOptions(address) : address.at
  const redis = new Redis({
    ...profile.redis,
    ...server,
    ...credentials(address),
    db: address.db,
    retryStrategy: retry,
  })
  return patchRedis(redis, onError).on('error', onError)
}

const connect = (url: string, log: Log, profile: ConnectionProfile): RedisConnection => {
  const address = parseRedisUrl(url)
  if ('error' in address) throw new Error(`REDIS_URL ${address.error}`)
  const onError = (err: Error) => log.warn({ err }, profile.logMessage)
  return address.kind === 'cluster'
    ? openCluster(address, profile, onError)
    : openServer(address, profile, onError)
}

/**
 * Opens a connection on which every command is answered or fails within `timeoutMs` milliseconds, so that a request never
 * waits for Redis to come back. The connection reconnects by itself until it is closed.
 */
export const openRedis = (url: string, log: Log, timeoutMs: number): RedisConnection =>
  connect(url, log, requestProfile(timeoutMs))

/** Opens a connection for the blocking commands of BullMQ's workers. These commands wait without a timeout. */
export const openBlockingRedis = (url: string, log: Log): RedisConnection =>
  connect(url, log, blockingProfile)

/** The servers that store keys: the single server, or the masters of a Cluster. */
export const mastersOf = (redis: RedisConnection): Redis[] =>
  redis instanceof Redis ? [redis] : redis.nodes('master')

/** Rejects if no server answers. One node of a cluster is enough, as it still serves some users. */
export const pingRedis = async (redis: RedisConnection): Promise<void> => {
  await (redis instanceof Redis ? redis.ping() : Promise.any(redis.nodes('master').map(node => node.ping())))
}

const ready = async (redis: RedisConnection): Promise<void> => {
  if (redis.status !== 'ready') await new Promise(resolve => redis.once('ready', resolve))
  // ioredis connects to a node at its first command. Without this ping, the first request would wait for it.
  if (redis instanceof Cluster) await Promise.allSettled(redis.nodes('master').map(node => node.ping()))
}

/** Resolves once the connection is ready, or after `timeoutMs` milliseconds without it. */
export const untilRedisReady = async (redis: RedisConnection, timeoutMs: number): Promise<void> => {
  const done = new AbortController()
  const timeout = sleep(timeoutMs, undefined, { signal: done.signal }).catch(() => {})
  await Promise.race([ready(redis), timeout])
  done.abort()
}
