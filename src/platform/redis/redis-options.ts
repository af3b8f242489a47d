import type { ClusterOptions, RedisOptions } from 'ioredis'
import type { RedisAddress } from '../config/redis-url.ts'

/** How a connection behaves, whatever it leads to. */
export type Manner = {
  redis: RedisOptions
  cluster: ClusterOptions
  /** What is logged of a connection that fails. */
  words: string
}

export const retry = (attempt: number): number => Math.min(attempt * 50, 1000)

const everywhere = {
  connectTimeout: 2000,
  reconnectOnError: error => (error.message.startsWith('READONLY') ? 2 : false),
} as const satisfies RedisOptions

/** Answers or fails within `timeoutMs` milliseconds. */
export const answering = (timeoutMs: number): Manner => ({
  redis: {
    ...everywhere,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: timeoutMs,
    // A host that vanishes closes no connection: without this the kernel would go on sending to it for a quarter of an
    // hour, while its successor at the same address waits for us.
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
  words: 'redis connection',
})

/** Waits for as long as it takes. */
export const blocking: Manner = {
  // Above what a blocking command waits.
  redis: { ...everywhere, maxRetriesPerRequest: null, socketTimeout: 30_000 },
  cluster: { slotsRefreshInterval: 5000 },
  words: 'redis connection of the queue',
}

export const credentials = ({ tls, username, password }: RedisAddress): RedisOptions => ({
  ...(tls && { tls: {} }),
  ...(username !== undefined && { username }),
  ...(password !== undefined && { password }),
})

// The detector ends a connection to a master that Sentinel has replaced, and that does not know it yet: what it would
// take is lost.
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
