import { setTimeout as sleep } from 'node:timers/promises'
import type { Worker as BullWorker } from 'bullmq'
import type { Deps } from '../../deps.ts'
import { openConcurrencyLimit } from '../../features/mail-delivery/concurrency-limit.ts'
import { deliver } from '../../features/mail-delivery/deliver.ts'
import { markFailed } from '../../features/mail-delivery/settle.ts'
import { watchWorker } from '../../features/mail-delivery/watch-worker.ts'
import { loadJobs } from '../../modules.ts'
import { require } from '../../platform/base/lazy-require.ts'
import { ehloName } from '../../platform/config/ehlo-name.ts'
import { defaultTimeouts, type Timeouts } from '../../platform/config/timeouts.ts'
import { mailQueueName } from '../../platform/mail/queue.ts'
import { maxConnections, openTransport } from '../../platform/mail/transport.ts'
import { openBlockingRedis } from '../../platform/redis/redis.ts'
import { startPeriodicJobs } from './periodic-jobs.ts'

// The entry of the package also loads sandboxes, flows and a store in Postgres: 70 files.
const { Worker }: { Worker: typeof BullWorker } = require('bullmq/dist/cjs/classes/worker.js')

/** How long deliveries and jobs in progress may take to finish when the worker closes. */
const closeTimeoutMs = 20_000

/** How long the process may take to end. */
export const endTimeoutMs = closeTimeoutMs + 5000

/** How many emails are sent at once, unless the mail server is slow. */
const maxDeliveries = 5

/** How often the worker reports that it takes jobs. */
const heartbeatMs = 10_000

const jobs = await loadJobs()

/** `refused` resolves when Redis refuses a command to the worker, which then takes no more jobs. */
export type MailWorker = { close: () => Promise<void>; refused: Promise<Error> }

/**
 * Starts the worker: it sends the emails of the queue and runs the periodic jobs, among them the sweep of the outbox for
 * emails without a queue entry. If a worker dies, another one takes over its email within 15 s.
 */
export const startWorker = (deps: Deps, timeouts: Timeouts = defaultTimeouts): MailWorker => {
  const { config, log } = deps
  const transport = openTransport(config.SMTP_URL ?? '', ehloName(config), timeouts)
  const deliveries = new AbortController()
  const limited = openConcurrencyLimit(maxDeliveries, timeouts.smtpSlow)
  const connection = openBlockingRedis(config.REDIS_URL, log)
  const worker = new Worker(
    mailQueueName,
    async job => {
      await limited(() =>
        deliver({ ...deps, transport }, job.id ?? '', { signal: deliveries.signal, timeouts }),
      )
    },
    {
      connection,
      prefix: deps.keys.queue,
      concurrency: maxConnections,
      lockDuration: 10_000,
      stalledInterval: 5000,
      // The check runs INFO. BullMQ would retry it in an endless loop if the Redis user may not run INFO.
      skipVersionCheck: true,
      // BullMQ tries twice, 15 s apart by default. A cluster may still be electing its masters at the first try.
      runRetryDelay: 2000,
    },
  )
  const watch = watchWorker(deps)
  worker.on('error', watch.reportError)
  // An open worker would repeat the refused command without a pause.
  watch.refused.then(() => worker.close(true)).catch(err => log.warn({ err }, 'mail worker'))
  worker.on('failed', job => {
    const wasLastAttempt = job && job.attemptsMade >= (job.opts.attempts ?? 1)
    if (wasLastAttempt)
      markFailed(deps, job.id ?? '').catch(err =>
        log.error({ err }, 'failed email could not be marked as failed'),
      )
  })

  const periodicJobs = startPeriodicJobs([
    ...jobs.map(({ run, pauseMs }) => ({
      pauseMs,
      run: () =>
        run(deps).catch(err => {
          if (!watch.reportIfDenied(err)) log.warn({ err, job: run.name }, 'periodic job failed')
        }),
    })),
    { pauseMs: heartbeatMs, run: watch.beat },
  ])

  return {
    refused: watch.refused,
    close: async () => {
      const jobsEnded = periodicJobs.stop()
      const abortDeliveries = setTimeout(() => deliveries.abort(), timeouts.mailClose)
      // Without Redis, worker.close() never resolves, and a forced second call waits for the first. So the wait is limited.
      await Promise.race([
        Promise.all([worker.close(), jobsEnded]),
        sleep(closeTimeoutMs, null, { ref: false }),
      ])
      clearTimeout(abortDeliveries)
      connection.disconnect()
      transport[Symbol.dispose]()
    },
  }
}
