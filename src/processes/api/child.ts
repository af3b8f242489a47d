import cluster from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../platform/base/log.ts'
import type { Report } from '../../platform/metrics/metrics.ts'
import type { ChildMessage, ParentMessage } from './process.ts'

/** How a process ended. */
export type End = { code: number | null; signal: string | null }

/** A process that serves the API, as seen by the primary process. */
export type Child = {
  /** From 1. A replacement gets the number of the process that it replaces. */
  number: number
  pid: number | undefined
  /** Resolves with the port when the process listens, or with null if it ended before. */
  started: Promise<number | null>
  ended: Promise<End>
  /** Resolves when the process has ended, or with null when it announces that it is about to end. */
  lost: Promise<End | null>
  /** Asks the process to finish its requests and end. A process that does not listen yet ends at once. */
  drain: () => void
  kill: () => void
  /** The metrics of the process; null if it does not report them in time. */
  requestReport: (timeoutMs: number) => Promise<Report | null>
  /** The last metrics that it reported. */
  lastReport: () => Report
}

/** Starts a process that runs this program again and serves the API. */
export const startChild = (number: number, log: Log): Child => {
  const worker = cluster.fork()
  const ended = new Promise<End>(resolve =>
    worker.once('exit', (code: number | null, signal: string | null) => resolve({ code, signal })),
  )
  let isListening = false
  const listening = new Promise<number>(resolve =>
    worker.once('listening', ({ port }) => {
      isListening = true
      resolve(port)
    }),
  )
  let last: Report = []
  const leaving = Promise.withResolvers<null>()
  let requested: PromiseWithResolvers<Report> | null = null
  worker.on('message', (message: ChildMessage) => {
    if ('leaving' in message) return leaving.resolve(null)
    last = message.report
    requested?.resolve(last)
    requested = null
  })
  // Ignore send errors to a child that has just exited: its `exit` event reports the end.
  worker.on('error', err => log.debug({ err, child: worker.process.pid }, 'a message to a process failed'))

  const send = (message: ParentMessage): void => {
    if (worker.isConnected()) worker.send(message, () => {})
  }
  return {
    number,
    pid: worker.process.pid,
    started: Promise.race([listening, ended.then(() => null)]),
    ended,
    lost: Promise.race([leaving.promise, ended]),
    drain: () => {
      if (isListening) send('drain')
      else worker.process.kill('SIGTERM')
    },
    kill: () => worker.process.kill('SIGKILL'),
    requestReport: async timeoutMs => {
      if (!isListening) return null
      if (!requested) {
        requested = Promise.withResolvers()
        send('report')
      }
      return Promise.race([requested.promise, sleep(timeoutMs, null, { ref: false })])
    },
    lastReport: () => last,
  }
}
