import { setTimeout as sleep } from 'node:timers/promises'
import type { Queue } from 'bullmq'
import { require } from '../base/lazy-require.ts'
import type { Log } from '../base/log.ts'
import { isRefusal } from '../base/store-errors.ts'
import type { Keys } from '../redis/keys.ts'
import type { RedisConnection } from '../redis/redis.ts'

// The queue alone: the package's entry also loads its workers, sandboxes and a store in Postgres.
const bullmq: Pick<typeof import('bullmq'), 'Queue'> = require('bullmq/dist/cjs/classes/queue.js')

/** A job is the id of a row of `emails` and no more: what it says is read, and its secrets derived, at the moment of sending. */
export type MailQueue = Queue<Record<string, never>>

export const mailQueueName = 'mail'

/** Up to 12 tries, 5 s after the first and twice as long each time: 3 hours or so, spread by half. */
const mailAttempts = 12

/** Asks Redis nothing at the start: BullMQ never again tries what failed there, so a late Redis would cost the queue. */
export const openMailQueue = (redis: RedisConnection, keys: Keys, log: Log): MailQueue => {
  const queue: MailQueue = new bullmq.Queue(mailQueueName, {
    connection: redis,
    prefix: keys.queue,
    skipWaitingForReady: true,
    skipVersionCheck: true,
    defaultJobOptions: {
      attempts: mailAttempts,
      backoff: { type: 'exponential', delay: 5000, jitter: 0.5 },
      // The row is the record. A finished job that stayed would also keep its row from being queued again.
      removeOnComplete: true,
      removeOnFail: true,
    },
  })
  queue.on('error', err => log.warn({ err }, 'mail queue'))
  return queue
}

/** How long adding may take, in milliseconds. */
const timeoutMs = 2500

/**
 * Adding the same e-mail again while it waits changes nothing. Rejects where it takes too long: the driver bounds each
 * command, but what it asks of a cluster in one go may wait for ever while nodes come and go, and whoever sweeps the outbox
 * with it.
 */
export const addMails = async (queue: MailQueue, emailIds: string[]): Promise<void> => {
  const enough = new AbortController()
  const added = queue.addBulk(emailIds.map(jobId => ({ name: 'deliver', data: {}, opts: { jobId } })))
  const late = sleep(timeoutMs, null, { signal: enough.signal }).then(() => {
    throw Object.assign(new Error('the mail queue does not answer'), { code: 'ETIMEDOUT' })
  })
  // Whichever comes second is nobody's any more.
  for (const each of [added, late]) each.catch(() => {})
  try {
    await Promise.race([added, late])
    refusedQueues.delete(queue)
  } catch (error) {
    if (isRefusal(error)) refusedQueues.add(queue)
    throw error
  } finally {
    enough.abort()
  }
}

const refusedQueues = new WeakSet<MailQueue>()

/** Whether Redis refused to take the last emails that were added: its user lacks a permission. */
export const addRefusal = (queue: MailQueue): boolean => refusedQueues.has(queue)
