import type { RateLimiterMemory } from 'rate-limiter-flexible'
import { require } from '../base/lazy-require.ts'
import type { Log } from '../base/log.ts'
import { type ConfiguredLimits, configuredLimit, type Limit, limits } from '../catalog/limits.ts'
import { counters, gauges } from '../catalog/metrics.ts'
import type { OpenMetrics } from '../metrics/metrics.ts'
import type { Keys } from '../redis/keys.ts'
import type { RedisConnection } from '../redis/redis.ts'
import { takeInMemory, takeInRedis, tightest } from './store.ts'

// The entry of the package loads the limiters of all stores.
const Memory: typeof RateLimiterMemory = require('rate-limiter-flexible/lib/RateLimiterMemory.js')

/** The state of a limit after a request. `window` and `resetIn` are in milliseconds. */
export type Quota = {
  name: string
  allowed: boolean
  points: number
  window: number
  remaining: number
  resetIn: number
}

export type Taken = Quota & {
  /** Refunds the point to the counters that it was taken from. Further calls do nothing. */
  refund: () => Promise<void>
}

/** `times` multiplies the points of a limit, as a network gets more of them than one client. */
export type Counter = { key: string; times: number }

/**
 * Takes a point from one counter, or from several counters whose keys share a hash tag: from all of them or from none.
 * Resolves with null if limits are off.
 */
export type Limiter = (limit: Limit, key: string | readonly Counter[]) => Promise<Taken | null>

/** How long nothing may be counted in memory before the limiter reports that Redis counts again. */
const recoveredAfterMs = 3000

/** Limits that every process counts in memory, as pages of documentation must not wait for a store. */
const alwaysInMemory: readonly string[] = [limits.docs.name]

type Needs = { redis: RedisConnection; keys: Keys; log: Log; metrics: OpenMetrics }

/**
 * Counts in Redis, and in memory while Redis does not answer, so that an outage neither lifts the limits nor refuses
 * everyone. In memory, each of the `processes` that share a port allows its share, as it cannot see the counts of others.
 */
export const openLimiter = (
  { redis, keys, log, metrics }: Needs,
  configured: ConfiguredLimits,
  processes: number,
): Limiter => {
  if (configured === 'off') return async () => null
  const memory = new Map<string, RateLimiterMemory>()
  const memoryOf = ({ name, points, window }: Limit): RateLimiterMemory => {
    const counter = memory.get(name) ?? new Memory({ points, duration: window / 1000 })
    memory.set(name, counter)
    return counter
  }

  // While a part of a cluster is away, some keys are counted in memory and some in Redis. Log the change once, and the
  // recovery only after a while without counts in memory.
  let inMemory = false
  let lastInMemory = 0
  metrics.gauge(gauges.limiter_in_memory, () => Number(inMemory))
  const report = (isInMemory: boolean, err?: unknown): void => {
    if (isInMemory) {
      metrics.count(counters.limits_in_memory)
      lastInMemory = performance.now()
    }
    if (isInMemory === inMemory) return
    if (!isInMemory && performance.now() - lastInMemory < recoveredAfterMs) return
    inMemory = isInMemory
    if (isInMemory) log.error({ err }, 'limits are counted in memory: redis does not answer')
    else log.warn('limits are counted in redis again')
  }

  return async (defined, key) => {
    const limit = configuredLimit(configured, defined)
    const { name, points, window } = limit
    const counters = typeof key === 'string' ? [{ key, times: 1 }] : key
    const names = counters.map(({ key }) => `${keys.limit(name)}:${key}`)
    const allowances = counters.map(({ times }) => points * times)
    const count = alwaysInMemory.includes(name)
      ? await takeInMemory(memoryOf(limit), names, allowances)
      : await takeInRedis(redis, names, allowances, window).then(
          taken => {
            report(false)
            return taken
          },
          err => {
            report(true, err)
            const shares = allowances.map(allowance => Math.ceil(allowance / processes))
            return takeInMemory(memoryOf(limit), names, shares)
          },
        )
    let isRefunded = !count.allowed
    const refund = async () => {
      if (isRefunded) return
      isRefunded = true
      await count.refund()
    }
    const { remaining, resetIn } = tightest(count.left)
    return {
      name,
      allowed: count.allowed,
      points,
      window,
      remaining: Math.max(remaining, 0),
      resetIn,
      refund,
    }
  }
}
