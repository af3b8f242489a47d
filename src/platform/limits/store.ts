import type { RateLimiterMemory } from 'rate-limiter-flexible'
import type { RedisConnection } from '../redis/redis.ts'
import { script } from '../redis/script.ts'

/** The points left in a counter, and the milliseconds until all of them are back. */
export type Left = { remaining: number; resetIn: number }

/** The result of taking a point from several counters: from all of them or from none. */
export type Count = { allowed: boolean; left: Left[]; refund: () => Promise<unknown> }

const takeScript = script(import.meta.dirname, 'take.lua')
const refundScript = script(import.meta.dirname, 'refund.lua')

/** `allowances` holds the points of each counter. `window` is in milliseconds. */
export const takeInRedis = async (
  redis: RedisConnection,
  names: string[],
  allowances: number[],
  window: number,
): Promise<Count> => {
  const [taken, ...rest] = (await takeScript(redis, names, [window, ...allowances])) as number[]
  const left = names.map((_, i) => ({ remaining: rest[2 * i] ?? 0, resetIn: rest[2 * i + 1] ?? window }))
  return { allowed: taken === 1, left, refund: () => refundScript(redis, names, []) }
}

export const takeInMemory = async (
  memory: RateLimiterMemory,
  names: string[],
  allowances: number[],
): Promise<Count> => {
  const counts = await Promise.all(names.map(key => memory.penalty(key)))
  const left = counts.map(({ consumedPoints, msBeforeNext }, i) => ({
    remaining: (allowances[i] ?? 0) - consumedPoints,
    resetIn: msBeforeNext,
  }))
  const refund = () => Promise.all(names.map(key => memory.reward(key)))
  const allowed = left.every(({ remaining }) => remaining >= 0)
  if (allowed) return { allowed, left, refund }
  await refund()
  return { allowed, left: left.map(each => ({ ...each, remaining: each.remaining + 1 })), refund }
}

/** The counter that decides, for the headers of the reply: it has the fewest points left, or resets last. */
export const tightest = ([first = { remaining: 0, resetIn: 0 }, ...others]: Left[]): Left =>
  others.reduce((least, each) => {
    const difference = each.remaining - least.remaining || least.resetIn - each.resetIn
    return difference < 0 ? each : least
  }, first)
