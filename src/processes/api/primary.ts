import cluster from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../platform/base/log.ts'
import type { Config } from '../../platform/config/config.ts'
import { listenForMetrics } from '../../platform/health/metrics-listener.ts'
import { closeOnSignal } from '../shutdown.ts'
import { openAggregate } from './aggregate.ts'
import { type Child, startChild } from './child.ts'

// The primary hands connections to the processes in turn (SCHED_RR, 0.2 ms of CPU for each). With SCHED_NONE the kernel
// prefers the process that wakes first: of 64 kept-alive connections of a balancer, four processes got 31, 21, 12 and 0.
const scheduling = cluster.SCHED_RR

/** How long the primary may take to end. It is more than one process may take. */
export const endTimeoutMs = 45_000

/** A process that ends within this time after its start is replaced only after a pause. */
const earlyEndMs = 10_000
const firstPauseMs = 500
const longestPauseMs = 8000

/**
 * Starts `API_PROCESSES` processes that share the port, and replaces each one that ends. If one of the first processes
 * cannot start, all of them end, and the primary exits with its exit code.
 */
export const run = async (config: Config, log: Log): Promise<void> => {
  cluster.schedulingPolicy = scheduling
  // A replacement gets the environment that was validated at the start, not an env file that may have changed since.
  cluster.setupPrimary({ execArgv: withoutEnvFile(process.execArgv) })
  const children = new Set<Child>()
  const aggregate = openAggregate(children)
  const metrics = await listenForMetrics(config, aggregate)
  let isEnding = false

  const start = (number: number): Child => {
    const child = startChild(number, log)
    children.add(child)
    child.ended.then(() => {
      children.delete(child)
      aggregate.addEnded(child)
    })
    return child
  }

  const end = async (): Promise<void> => {
    isEnding = true
    const clean = await Promise.all([...children].map(child => drainCleanly(child, log)))
    await metrics?.[Symbol.asyncDispose]()
    if (clean.includes(false)) throw new Error('a process failed while closing')
  }

  const keepReplaced = async (first: Child): Promise<void> => {
    for (let child = first, pauseMs = 0; ; child = start(child.number)) {
      const startedAt = performance.now()
      const exit = await child.lost
      if (isEnding) return
      if (exit) log.error({ child: child.pid, ...exit }, 'a process exited unexpectedly and is replaced')
      else log.info({ child: child.pid }, 'a process is ending and is replaced')
      const isEarly = exit && performance.now() - startedAt < earlyEndMs
      pauseMs = isEarly ? Math.min(pauseMs * 2 || firstPauseMs, longestPauseMs) : 0
      await sleep(pauseMs)
      if (isEnding) return
    }
  }

  closeOnSignal(log, endTimeoutMs, end)
  process.on('exit', () => {
    // If the primary fails by itself, the processes lose their connection to it and finish their requests.
    if (isEnding) for (const child of children) child.kill()
  })

  // The first process starts alone: if it cannot start, no process can, and its one error line is enough.
  const first = start(1)
  const port = await first.started
  const others = port === null ? [] : range(2, config.API_PROCESSES).map(start)
  const all = [first, ...others]
  const failed = await firstOf(all, async child => (await child.started) === null)
  if (isEnding) return
  if (failed) {
    const { code } = await failed.ended
    await end().catch(() => {})
    process.exit(code || 1)
  }
  log.info({ port, url: config.PUBLIC_URL, processes: all.length }, 'listening')
  for (const child of all) keepReplaced(child)
}

const withoutEnvFile = (flags: readonly string[]): string[] =>
  flags.filter(
    (flag, i) => !/^--env-file/.test(flag) && !/^--env-file(?:-if-exists)?$/.test(flags[i - 1] ?? ''),
  )

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)

const firstOf = async <T>(all: T[], is: (each: T) => Promise<boolean>): Promise<T | undefined> => {
  const found = await Promise.all(all.map(is))
  return all[found.indexOf(true)]
}

/** Drains a process and returns whether it exited with 0. A process that never served has nothing to finish: any exit code is fine. */
const drainCleanly = async (child: Child, log: Log): Promise<boolean> => {
  child.drain()
  const exit = await child.ended
  const isClean = exit.code === 0 || (await child.started) === null
  if (!isClean) log.error({ child: child.pid, ...exit }, 'a process failed while closing')
  return isClean
}
