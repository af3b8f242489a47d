import type { Deps } from '../../deps.ts'
import { isRefusal } from '../base/store-errors.ts'
import { addRefusal } from './queue.ts'

type Needs = Pick<Deps, 'redis' | 'keys' | 'queue'>

/**
 * Why emails cannot be relied upon to be sent. `refused`: the Redis user of the API lacks a permission. `no_worker`: the
 * worker was refused, or has not been heard of for two minutes. `eviction`: Redis throws jobs and sessions out when it is
 * full.
 */
export type QueueFault = 'refused' | 'no_worker' | 'eviction'

// In milliseconds. A worker that was never there is not missed: it may be started later, or its key was lost.
const rememberedFor = 86_400_000
const missedAfter = 120_000
const refusedFor = 600_000

/** Tells that a worker takes jobs, or that it has been refused. */
export const tellWorker = async (
  { redis, keys }: Pick<Needs, 'redis' | 'keys'>,
  state: 'takes jobs' | 'refused',
): Promise<void> => {
  await redis.set(keys.worker, state, 'PX', state === 'refused' ? refusedFor : rememberedFor)
}

/** Rejects where Redis does not answer. */
export const queueFault = async ({ redis, keys, queue }: Needs): Promise<QueueFault | null> => {
  // The age of the key is counted by Redis, so that clocks which differ do not matter.
  const [, state, left, policy] = await Promise.all([
    queue.getJobCounts('waiting'),
    redis.get(keys.worker),
    redis.pttl(keys.worker),
    evictionPolicy(redis),
  ])
  if (addRefusal(queue)) return 'refused'
  if (state === 'refused') return 'no_worker'
  if (state !== null && rememberedFor - left > missedAfter) return 'no_worker'
  return policy !== null && policy !== 'noeviction' ? 'eviction' : null
}

/** Null where this user may not ask. */
const evictionPolicy = async (redis: Needs['redis']): Promise<string | null> => {
  try {
    return /^maxmemory_policy:(\S+)/m.exec(await redis.info('memory'))?.[1] ?? null
  } catch (error) {
    if (isRefusal(error)) return null
    throw error
  }
}
