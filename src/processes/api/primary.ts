import cluster from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../platform/base/log.ts'
import type { Config } from '../../platform/config/config.ts'
import { closeOnSignal } from '../../platform/config/shutdown.ts'
import { listenForMetrics } from '../../platform/health/metrics-listener.ts'
import { openSum } from './aggregate.ts'
import { type Child, startChild } from './child.ts'

// Connections are handed out in turn (SCHED_RR, 0.2 ms of CPU for each). Left to the kernel they go to whoever wakes
// first: of 64 that were kept open, as a balancer keeps them, four processes got 31, 21, 12 and 0.
const scheduling = cluster.SCHED_RR

/** Above what a process takes by itself, in milliseconds. */
export const endTimeoutMs = 45_000

/** Whoever ended sooner than this after its start is replaced after a rest, in milliseconds. */
const soon = 10_000
const firstRest = 500
const longestRest = 8000

/**
 * Starts `API_PROCESSES` processes that share the port, and others in the place of those that end. Where one cannot
 * start at first, all end, and this process with its code.
 */
export const run = async (config: Config, log: Log): Promise<void> => {
  cluster.schedulingPolicy = scheduling
  // Whoever takes the place of another gets the environment that was checked, and not a file that has changed since.
  cluster.setupPrimary({ execArgv: withoutEnvFile(process.execArgv) })
  const crew = new Set<Child>()
  const sum = openSum(crew)
  const metrics = await listenForMetrics(config, sum)
  let ending = false

  const start = (number: number): Child => {
    const child = startChild(number, log)
    crew.add(child)
    child.ended.then(() => {
      crew.delete(child)
      sum.keep(child)
    })
    return child
  }

  const end = async (): Promise<void> => {
    ending = true
    const ends = await Promise.all([...crew].map(child => endedWell(child, log)))
    await metrics?.[Symbol.asyncDispose]()
    if (ends.includes(false)) throw new Error('a process did not end well')
  }

  const replace = async (first: Child): Promise<void> => {
    for (let child = first, rest = 0; ; child = start(child.number)) {
      const began = performance.now()
      const how = await child.lost
      if (ending) return
      if (how) log.error({ child: child.pid, ...how }, 'a process has ended and is replaced')
      else log.info({ child: child.pid }, 'a process ends and is replaced')
      rest = how && performance.now() - began < soon ? Math.min(rest * 2 || firstRest, longestRest) : 0
      await sleep(rest)
      if (ending) return
    }
  }

  closeOnSignal(log, endTimeoutMs, end)
  process.on('exit', () => {
    // Where this process fails by itself, the others see it and finish what they have.
    if (ending) for (const child of crew) child.kill()
  })

  // What one cannot do the others cannot either: its words are enough.
  const first = start(1)
  const port = await first.started
  const others = port === null ? [] : range(2, config.API_PROCESSES).map(start)
  const all = [first, ...others]
  const failed = await firstOf(all, async child => (await child.started) === null)
  if (ending) return
  if (failed) {
    const { code } = await failed.ended
    await end().catch(() => {})
    process.exit(code || 1)
  }
  log.info({ port, url: config.PUBLIC_URL, processes: all.length }, 'listening')
  for (const child of all) replace(child)
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

// One that is told to end before it serves has nothing to finish, and goes as it likes.
const endedWell = async (child: Child, log: Log): Promise<boolean> => {
  child.drain()
  const end = await child.ended
  const isWell = end.code === 0 || (await child.started) === null
  if (!isWell) log.error({ child: child.pid, ...end }, 'a process did not end well')
  return isWell
}
