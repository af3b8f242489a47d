import type { Redis } from 'ioredis'

// Checked with ioredis 5.11.1. The tests in ioredis-sentinel-patches.test.ts fail when ioredis no longer needs a patch.

type Internals = {
  manuallyClosing?: boolean
  connector: { connectToSentinel?: (...args: unknown[]) => Redis; disconnect: () => void }
}

/**
 * Symptom: where no Sentinel can be reached, ioredis only reports "Connection is closed" and hides the reason, such as an
 * untrusted certificate (https://github.com/redis/ioredis/issues/2070).
 */
const reportSentinelErrors = ({ connector }: Internals, onError: (error: Error) => void): void => {
  const open = connector.connectToSentinel?.bind(connector)
  if (open) connector.connectToSentinel = (...args) => open(...args).on('error', onError)
}

/**
 * Symptom: Sentinel announces a failover while ioredis reconnects. ioredis then aborts that attempt and never makes
 * another one. Here it disconnects once the attempt has connected, as that may be to the old master, and asks Sentinel
 * again. No public report found; the detector comes from https://github.com/redis/ioredis/pull/1328.
 */
const deferFailoverDisconnect = (redis: Redis, internals: Internals): void => {
  const disconnect = internals.connector.disconnect.bind(internals.connector)
  internals.connector.disconnect = () => {
    if (internals.manuallyClosing || redis.status !== 'connecting') return disconnect()
    redis.once('connect', disconnect)
    redis.once('close', () => redis.off('connect', disconnect))
  }
}

/** Patches a connection to the master that Sentinel names. Other connections stay as they are. */
export const patchSentinel = (redis: Redis, onError: (error: Error) => void): Redis => {
  const internals = redis as unknown as Internals
  if (!internals.connector.connectToSentinel) return redis
  reportSentinelErrors(internals, onError)
  deferFailoverDisconnect(redis, internals)
  return redis
}
