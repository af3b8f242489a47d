import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'bullmq'
import { type Deps, open } from './deps.ts'
import { deliver } from './features/mail-delivery/deliver.ts'
import { openLanes } from './features/mail-delivery/lanes.ts'
import { giveUp } from './features/mail-delivery/settle.ts'
import { watchWorker } from './features/mail-delivery/watch-worker.ts'
import { chores } from './jobs.ts'
import { openLog } from './platform/base/log.ts'
import { configError, configOrExit } from './platform/config/config.ts'
import { ehloName } from './platform/config/ehlo-name.ts'
import { exposures } from './platform/config/exposure.ts'
import { closed, closeOnSignal, endUnstarted } from './platform/config/shutdown.ts'
import { type Timeouts, timeouts } from './platform/config/timeouts.ts'
import { serveMetrics } from './platform/health/metrics.ts'
import { checkTemplatesOrExit } from './platform/mail/check-templates.ts'
import { mailQueueName } from './platform/mail/queue.ts'
import { compileAll } from './platform/mail/render.ts'
import { connectionsAtMost, openTransport } from './platform/mail/transport.ts'
import { openBlockingRedis } from './platform/redis/redis.ts'

/** How long jobs in hand may take to finish, in milliseconds. */
const closeTimeoutMs = 20_000

/** How many emails are sent at once, unless the mail server is slow. */
const lanes = 5

/** How long the process may take to end, in milliseconds. */
export const endTimeoutMs = closeTimeoutMs + 5000

/** How often the worker tells that it takes jobs, in milliseconds. */
const beatEvery = 10_000

/** `refused` resolves where Redis refuses a command: the worker takes no more jobs then. */
export type MailWorker = { close: () => Promise<void>; refused: Promise<Error> }

/**
 * Sends mails: takes jobs from the queue, and sweeps the outbox for rows that have none. A job whose worker dies is
 * taken over within 15 s.
 */
export const startWorker = (deps: Deps, within: Timeouts = timeouts): MailWorker => {
  const { config, log } = deps
  const transport = openTransport(config.SMTP_URL ?? '', ehloName(config), within)
  const ending = new AbortController()
  const inLane = openLanes(lanes, within.smtpSlow)
  const connection = openBlockingRedis(config.REDIS_URL, log)
  const worker = new Worker(
    mailQueueName,
    async job => {
      await inLane(() => deliver({ ...deps, transport }, job.id ?? '', { signal: ending.signal, within }))
    },
    {
      ...{
        connection,
        prefix: deps.keys.queue,
        concurrency: connectionsAtMost,
        lockDuration: 10_000,
        stalledInterval: 5000,
        // It would ask by INFO, which not every Redis user may, and then spin without end.
        skipVersionCheck: true,
      },
      // Of two tries 15 s apart, as BullMQ has it, the first may come while a cluster is still agreeing on its masters.
      runRetryDelay: 2000,
    },
  )
  const watch = watchWorker(deps)
  worker.on('error', watch.fault)
  // Left alone it would ask again at once, and again.
  watch.refused.then(() => worker.close(true)).catch(err => log.warn({ err }, 'mail worker'))
  worker.on('failed', job => {
    const last = job && job.attemptsMade >= (job.opts.attempts ?? 1)
    if (last) giveUp(deps, job.id ?? '').catch(err => log.error({ err }, 'a failed mail stays queued'))
  })

  const stop = new AbortController()
  const keep = ({ chore, every }: (typeof chores)[number]) =>
    keepDoing(every, stop.signal, () =>
      chore(deps).catch(err => {
        if (!watch.isRefusal(err)) log.warn({ err, chore: chore.name }, 'a chore failed')
      }),
    )
  const done = Promise.all([...chores.map(keep), keepDoing(beatEvery, stop.signal, watch.beat)])

  return {
    refused: watch.refused,
    close: async () => {
      stop.abort()
      const impatient = setTimeout(() => ending.abort(), within.mailClose)
      // With Redis gone a worker waits for it for ever, and a second close() waits for the first: it is left behind.
      await Promise.race([Promise.all([worker.close(), done]), sleep(closeTimeoutMs, null, { ref: false })])
      clearTimeout(impatient)
      connection.disconnect()
      transport[Symbol.dispose]()
    },
  }
}

/** Any number of workers may do the same. */
const keepDoing = async (every: number, signal: AbortSignal, act: () => Promise<unknown>): Promise<void> => {
  while (!signal.aborted) {
    await act()
    await sleep(every, null, { signal }).catch(() => {})
  }
}

if (import.meta.main) {
  const config = configOrExit('worker')
  await checkTemplatesOrExit(config)
  const log = openLog('worker', config.LOG_LEVEL)
  for (const exposure of exposures(config, 'worker')) log.warn(exposure)
  try {
    const deps = await open(config, log)
    await compileAll(deps.theme)
    const metrics = await serveMetrics(deps)
    const worker = startWorker(deps)
    log.info('waiting for mails')
    const close = async (): Promise<void> => {
      await worker.close()
      await metrics?.[Symbol.asyncDispose]()
      await deps[Symbol.asyncDispose]()
    }
    closeOnSignal(log, endTimeoutMs, close)
    const refusal = await worker.refused
    await closed(log, endTimeoutMs, close)
    throw configError(refusal.message)
  } catch (err) {
    endUnstarted(log, err)
  }
}
