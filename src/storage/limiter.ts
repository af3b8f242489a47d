import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterRedis,
  RateLimiterRes,
} from 'rate-limiter-flexible'
import { type LimitName, type Limits, limitNames } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import type { Keys } from './keys.ts'
import type { OpenMetrics } from './metrics.ts'
import type { RedisConnection } from './redis.ts'

/** What taking one point left: `resetIn` is in milliseconds. */
export type Taken = {
  name: LimitName
  allowed: boolean
  points: number
  window: number
  remaining: number
  resetIn: number
  /** Takes the point back, where it was counted. */
  giveBack: () => Promise<unknown>
}

export type Limiter = (name: LimitName, key: string) => Promise<Taken | null>

type Pair = { shared: RateLimiterAbstract; own: RateLimiterAbstract; points: number; window: number }

/** In milliseconds. */
const calm = 3000

type Needs = { redis: RedisConnection; keys: Keys; log: Log; metrics: OpenMetrics }

/**
 * Counts in Redis, or in this process for as long as Redis does not answer: a fault neither lets everyone
 * through nor shuts everyone out. Each of `processes` that share a port lets its share through then, for they do not
 * know of each other. Returns null where limits are off.
 */
export const openLimiter = (
  { redis, keys, log, metrics }: Needs,
  limits: Limits,
  processes: number,
): Limiter => {
  if (limits === 'off') return async () => null
  const pairs = Object.fromEntries(
    limitNames.map(name => {
      const { points, window } = limits[name]
      const options = { points, duration: window / 1000, keyPrefix: keys.limit(name) }
      const shared = new RateLimiterRedis({ ...options, storeClient: redis, rejectIfRedisNotReady: true })
      const own = new RateLimiterMemory({ ...options, points: Math.ceil(points / processes) })
      return [name, { shared, own, points, window }]
    }),
  ) as { [name: string]: Pair } as Record<LimitName, Pair>

  // With a part of a cluster gone some keys are counted here and some there: it is said once, and taken back when
  // nothing was counted here for a while.
  let inMemory = false
  let lastAlone = 0
  metrics.gauge('limiter_in_memory', () => Number(inMemory))
  const counted = (alone: boolean, err?: unknown): void => {
    if (alone) {
      metrics.count('limits_in_memory')
      lastAlone = performance.now()
    }
    if (alone === inMemory || (!alone && performance.now() - lastAlone < calm)) return
    inMemory = alone
    if (alone) log.error({ err }, 'limits are counted in memory: redis does not answer')
    else log.warn('limits are counted in redis again')
  }

  return async (name, key) => {
    const { shared, own, points, window } = pairs[name]
    const { result, allowed, by } = await take(shared, key).then(
      taken => {
        counted(false)
        return taken
      },
      err => {
        counted(true, err)
        return take(own, key)
      },
    )
    const { remainingPoints: remaining, msBeforeNext: resetIn } = result
    return { name, allowed, points, window, remaining, resetIn, giveBack: () => by.reward(key) }
  }
}

const take = async (
  limiter: RateLimiterAbstract,
  key: string,
): Promise<{ result: RateLimiterRes; allowed: boolean; by: RateLimiterAbstract }> => {
  try {
    return { result: await limiter.consume(key), allowed: true, by: limiter }
  } catch (error) {
    if (error instanceof RateLimiterRes) return { result: error, allowed: false, by: limiter }
    throw error
  }
}
