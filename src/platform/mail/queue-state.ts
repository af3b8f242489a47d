import { isPermissionError } from '../base/store-errors.ts'
import type { Keys } from '../redis/keys.ts'
import type { RedisConnection } from '../redis/redis.ts'
import { isAddRefused, type MailQueue, mailQueueName } from './queue.ts'

type Needs = { redis: RedisConnection; keys: Keys; queue: MailQueue }

/**
 * Why emails may not be sent. `refused`: the Redis user of the API lacks a permission. `no_worker`: the worker was refused,
 * or has not reported for two minutes. `eviction`: a full Redis evicts jobs and sessions.
 */
export type QueueFault = 'refused' | 'no_worker' | 'eviction'

// A worker that never reported is not missing: it may start later, or its key was lost.
const reportKeptMs = 86_400_000
const missingAfterMs = 120_000
const refusalKeptMs = 600_000

/** Reports that a worker takes jobs, or that Redis refused it. */
export const reportWorker = async (
  { redis, keys }: Pick<Needs, 'redis' | 'keys'>,
  state: 'takes jobs' | 'refused',
): Promise<void> => {
  await redis.set(keys.worker, state, 'PX', state === 'refused' ? refusalKeptMs : reportKeptMs)
}

/** Finds what keeps emails from being sent, or null. Rejects if Redis does not answer. */
export const queueFault = async ({ redis, keys, queue }: Needs): Promise<QueueFault | null> => {
  // Redis counts the age of the key, so that different clocks do not matter.
  const [, state, left, policy] = await Promise.all([
    // Only its failure matters: the Redis user may lack the keys of the queue. BullMQ is not loaded to ask for them.
    redis.llen(`${keys.queue}:${mailQueueName}:wait`),
    redis.get(keys.worker),
    redis.pttl(keys.worker),
    evictionPolicy(redis),
  ])
  if (isAddRefused(queue)) return 'refused'
  if (state === 'refused') return 'no_worker'
  if (state !== null && reportKeptMs - left > missingAfterMs) return 'no_worker'
  return policy !== null && policy !== 'noeviction' ? 'eviction' : null
}

/** Null if the Redis user may not read it. */
const evictionPolicy = async (redis: Needs['redis']): Promise<string | null> => {
  try {
    return /^maxmemory_policy:(\S+)/m.exec(await redis.info('memory'))?.[1] ?? null
  } catch (error) {
    if (isPermissionError(error)) return null
    throw error
  }
}
