import { setTimeout as sleep } from 'node:timers/promises'
import type { Queue } from 'bullmq'
import { require } from '../base/lazy-require.ts'
import type { Log } from '../base/log.ts'
import { isPermissionError } from '../base/store-errors.ts'
import type { Keys } from '../redis/keys.ts'
import type { RedisConnection } from '../redis/redis.ts'

/** A job holds only the id of a row of `emails`. The worker reads the content and derives the token when it sends. */
type Jobs = Queue<Record<string, never>>

/** `open` loads BullMQ at its first call: 190 files that a process needs only for its first email. */
export type MailQueue = { open: () => Jobs; close: () => Promise<void> }

export const mailQueueName = 'mail'

/** Waits 5 s after the first attempt, then twice as long each time, with 50 % jitter: about 3 hours in all. */
const maxAttempts = 12

// Sends Redis no command: BullMQ never repeats one that failed at the start, so a late Redis would break the queue.
const openJobs = (redis: RedisConnection, keys: Keys, log: Log): Jobs => {
  // Loads only the queue. The entry of the package also loads its workers, sandboxes and a store in Postgres.
  const bullmq: Pick<typeof import('bullmq'), 'Queue'> = require('bullmq/dist/cjs/classes/queue.js')
  const queue: Jobs = new bullmq.Queue(mailQueueName, {
    connection: redis,
    prefix: keys.queue,
    skipWaitingForReady: true,
    skipVersionCheck: true,
    defaultJobOptions: {
      attempts: maxAttempts,
      backoff: { type: 'exponential', delay: 5000, jitter: 0.5 },
      // The row in Postgres is the record. A finished job that stayed would prevent its email from being queued again.
      removeOnComplete: true,
      removeOnFail: true,
    },
  })
  queue.on('error', err => log.warn({ err }, 'mail queue'))
  return queue
}

export const openMailQueue = (redis: RedisConnection, keys: Keys, log: Log): MailQueue => {
  let jobs: Jobs | null = null
  return {
    open: () => {
      jobs ??= openJobs(redis, keys, log)
      return jobs
    },
    close: async () => jobs?.close(),
  }
}

const addTimeoutMs = 2500

/**
 * Adds a job for each email. Adding a waiting email again changes nothing. Rejects after a timeout: the driver limits the
 * time of each command, but a batch to a cluster whose nodes change could wait forever, and block the sweeper.
 */
export const addEmailJobs = async (queue: MailQueue, emailIds: string[]): Promise<void> => {
  if (emailIds.length === 0) return
  const done = new AbortController()
  const added = queue.open().addBulk(emailIds.map(jobId => ({ name: 'deliver', data: {}, opts: { jobId } })))
  const timeout = sleep(addTimeoutMs, null, { signal: done.signal }).then(() => {
    throw Object.assign(new Error('the mail queue does not answer'), { code: 'ETIMEDOUT' })
  })
  // The promise that loses the race has no handler.
  for (const each of [added, timeout]) each.catch(() => {})
  try {
    await Promise.race([added, timeout])
    refusedQueues.delete(queue)
  } catch (error) {
    if (isPermissionError(error)) refusedQueues.add(queue)
    throw error
  } finally {
    done.abort()
  }
}

const refusedQueues = new WeakSet<MailQueue>()

/** Whether Redis refused the last emails that were added, because its user lacks a permission. */
export const isAddRefused = (queue: MailQueue): boolean => refusedQueues.has(queue)
