import type { ClusterOptions, RedisOptions } from 'ioredis'
import type { RedisAddress } from '../config/redis-url.ts'

/** How a connection behaves, for every kind of address. */
export type ConnectionProfile = {
  redis: RedisOptions
  cluster: ClusterOptions
  /** The log message of a connection that fails. */
  logMessage: string
}

/** The milliseconds to wait before a reconnection: 50 more after each attempt, at most 1000. */
export const retry = (attempt: number): number => Math.min(attempt * 50, 1000)

const common = {
  connectTimeout: 2000,
  reconnectOnError: error => (error.message.startsWith('READONLY') ? 2 : false),
} as const satisfies RedisOptions

/** Every command is answered or fails within `timeoutMs` milliseconds. */
export const requestProfile = (timeoutMs: number): ConnectionProfile => ({
  redis: {
    ...common,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: timeoutMs,
    // A host that vanishes closes no connection. Without this timeout the kernel would keep sending to it for 15 minutes,
    // while its successor waits at the same address.
    socketTimeout: 2000,
  },
  cluster: {
    enableOfflineQueue: false,
    maxRedirections: 8,
    retryDelayOnFailover: 50,
    retryDelayOnClusterDown: 50,
    retryDelayOnTryAgain: 50,
    slotsRefreshInterval: 5000,
  },
  logMessage: 'redis connection',
})

/** Commands wait indefinitely. */
export const blockingProfile: ConnectionProfile = {
  // The socket timeout is longer than a blocking command waits.
  redis: { ...common, maxRetriesPerRequest: null, socketTimeout: 30_000 },
  cluster: { slotsRefreshInterval: 5000 },
  logMessage: 'redis connection of the queue',
}

export const credentials = ({ tls, username, password }: RedisAddress): RedisOptions => ({
  ...(tls && { tls: {} }),
  ...(username !== undefined && { username }),
  ...(password !== undefined && { password }),
})

// The failover detector ends a connection to a master that Sentinel has replaced and that does not know it yet. Writes
// that such a master still accepts are lost.
export const sentinelOptions = (address: RedisAddress & { kind: 'sentinel' }): RedisOptions => ({
  sentinels: address.sentinels,
  name: address.master,
  ...(address.sentinelUsername !== undefined && { sentinelUsername: address.sentinelUsername }),
  ...(address.sentinelPassword !== undefined && { sentinelPassword: address.sentinelPassword }),
  ...(address.tls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
  failoverDetector: true,
  sentinelCommandTimeout: 1000,
  sentinelRetryStrategy: retry,
  sentinelReconnectStrategy: attempt => Math.min(attempt * 1000, 30_000),
})
