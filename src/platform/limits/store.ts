import { RateLimiterMemory } from 'rate-limiter-flexible'
import type { Log } from '../base/log.ts'
import { type LimitName, type Limits, limitNames } from '../catalog/limits.ts'
import type { OpenMetrics } from '../metrics/metrics.ts'
import type { Keys } from '../redis/keys.ts'
import type { RedisConnection } from '../redis/redis.ts'
import { script } from '../redis/script.ts'

/** What is left of a limit after a request: `resetIn` is in milliseconds. */
export type Quota = {
  name: LimitName
  allowed: boolean
  points: number
  window: number
  remaining: number
  resetIn: number
}

export type Taken = Quota & {
  /** Gives the point back, once, to the counters that it was taken from. */
  giveBack: () => Promise<void>
}

/** `times` multiplies the points of a limit: a network has more than each caller in it. */
export type Counter = { key: string; times: number }

/**
 * Takes a point under a key, or from each of several counters, or from none of them. Their keys share a hash tag. Null if
 * limits are off.
 */
export type Limiter = (name: LimitName, key: string | readonly Counter[]) => Promise<Taken | null>

type Left = { remaining: number; resetIn: number }
type Count = { allowed: boolean; left: Left[]; giveBack: () => Promise<unknown> }

const takeScript = script(import.meta.dirname, 'take.lua')
const giveBackScript = script(import.meta.dirname, 'give-back.lua')

/** In milliseconds. */
const calm = 3000

/** Counted in each process by itself: the documentation is served without a store, and must not wait for one. */
const inProcessAlone: readonly LimitName[] = ['docs']

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
  const inProcess = Object.fromEntries(
    limitNames.map(name => {
      const { points, window } = limits[name]
      return [name, new RateLimiterMemory({ points, duration: window / 1000 })]
    }),
  ) as Record<LimitName, RateLimiterMemory>

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
    const { points, window } = limits[name]
    const counters = typeof key === 'string' ? [{ key, times: 1 }] : key
    const names = counters.map(({ key }) => `${keys.limit(name)}:${key}`)
    const allowances = counters.map(({ times }) => points * times)
    const count = inProcessAlone.includes(name)
      ? await takeOwn(inProcess[name], names, allowances)
      : await takeShared(redis, names, allowances, window).then(
          taken => {
            counted(false)
            return taken
          },
          err => {
            counted(true, err)
            const shares = allowances.map(allowance => Math.ceil(allowance / processes))
            return takeOwn(inProcess[name], names, shares)
          },
        )
    let isGiven = !count.allowed
    const giveBack = async () => {
      if (isGiven) return
      isGiven = true
      await count.giveBack()
    }
    const { remaining, resetIn } = tightest(count.left)
    return {
      name,
      allowed: count.allowed,
      points,
      window,
      remaining: Math.max(remaining, 0),
      resetIn,
      giveBack,
    }
  }
}

/** Of several counters the caller hears of the one that decides: it has the fewest points, or is whole the latest. */
const tightest = ([first = { remaining: 0, resetIn: 0 }, ...others]: Left[]): Left =>
  others.reduce((least, each) => {
    const isTighter = each.remaining - least.remaining || least.resetIn - each.resetIn
    return isTighter < 0 ? each : least
  }, first)

const takeShared = async (
  redis: RedisConnection,
  names: string[],
  allowances: number[],
  window: number,
): Promise<Count> => {
  const [taken, ...rest] = (await takeScript(redis, names, [window, ...allowances])) as number[]
  const left = names.map((_, i) => ({ remaining: rest[2 * i] ?? 0, resetIn: rest[2 * i + 1] ?? window }))
  return { allowed: taken === 1, left, giveBack: () => giveBackScript(redis, names, []) }
}

const takeOwn = async (own: RateLimiterMemory, names: string[], allowances: number[]): Promise<Count> => {
  const counts = await Promise.all(names.map(key => own.penalty(key)))
  const left = counts.map(({ consumedPoints, msBeforeNext }, i) => ({
    remaining: (allowances[i] ?? 0) - consumedPoints,
    resetIn: msBeforeNext,
  }))
  const giveBack = () => Promise.all(names.map(key => own.reward(key)))
  const allowed = left.every(({ remaining }) => remaining >= 0)
  if (allowed) return { allowed, left, giveBack }
  await giveBack()
  return { allowed, left: left.map(each => ({ ...each, remaining: each.remaining + 1 })), giveBack }
}
