import cluster from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../platform/base/log.ts'
import type { Report } from '../../platform/metrics/metrics.ts'
import type { Order, Told } from './process.ts'

/** How a process ended. */
export type End = { code: number | null; signal: string | null }

/** A process that serves, as its primary sees it. */
export type Child = {
  /** From 1; whoever takes its place has the same. */
  number: number
  pid: number | undefined
  /** The port, once it listens; null where it ended before. */
  started: Promise<number | null>
  ended: Promise<End>
  /** Resolves when it has ended, or says that it is about to: null. */
  lost: Promise<End | null>
  /** Tells it to end as a lone process does on SIGTERM. One that does not listen yet ends at once. */
  drain: () => void
  kill: () => void
  /** What it has counted, or null where it does not say within `timeoutMs` milliseconds. */
  ask: (timeoutMs: number) => Promise<Report | null>
  /** The last that it said of that. */
  lastReport: () => Report
}

/** Starts a process that runs this program again and serves. */
export const startChild = (number: number, log: Log): Child => {
  const worker = cluster.fork()
  const ended = new Promise<End>(resolve =>
    worker.once('exit', (code: number | null, signal: string | null) => resolve({ code, signal })),
  )
  let listens = false
  const listening = new Promise<number>(resolve =>
    worker.once('listening', ({ port }) => {
      listens = true
      resolve(port)
    }),
  )
  let last: Report = []
  const heard = Promise.withResolvers<null>()
  let asked: PromiseWithResolvers<Report> | null = null
  worker.on('message', (told: Told) => {
    if ('leaving' in told) return heard.resolve(null)
    last = told.report
    asked?.resolve(last)
    asked = null
  })
  // Whoever has just died takes no message; its end is heard of in another way.
  worker.on('error', err => log.debug({ err, child: worker.process.pid }, 'a process takes no message'))

  const tell = (order: Order): void => {
    if (worker.isConnected()) worker.send(order, () => {})
  }
  return {
    number,
    pid: worker.process.pid,
    started: Promise.race([listening, ended.then(() => null)]),
    ended,
    lost: Promise.race([heard.promise, ended]),
    drain: () => {
      if (listens) tell('drain')
      else worker.process.kill('SIGTERM')
    },
    kill: () => worker.process.kill('SIGKILL'),
    ask: async timeoutMs => {
      if (!listens) return null
      if (!asked) {
        asked = Promise.withResolvers()
        tell('report')
      }
      return Promise.race([asked.promise, sleep(timeoutMs, null, { ref: false })])
    },
    lastReport: () => last,
  }
}
