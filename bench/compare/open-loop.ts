import { Worker } from 'node:worker_threads'
import { median, quantile } from '../statistics.ts'
import { type Connection, type ConnectionSpec, openConnections } from './connection.ts'
import { runFirst } from './run-first.ts'
import { readUsage, type Usage, usedBetween } from './usage.ts'

// Sends requests at fixed times, even if earlier ones are not answered. A request counts from its scheduled time, so that
// a stall of the server also counts for the requests that wait behind it.

/** `rate` is requests a second. `background` connections send the next request at once, and are not timed. */
export type OpenLoop = {
  kind: 'open'
  port: number
  pids: number[]
  rate: number
  connections: ConnectionSpec[]
  background: ConnectionSpec[]
  warmUp: number
  measure: number
}

/**
 * Times in milliseconds. `late` is how late a request was sent at most, because the client itself had to wait. `isFirst`:
 * the client ran before all other processes.
 */
export type OpenLoopResult = {
  count: number
  refused: number
  p50: number
  p99: number
  most: number
  late: number
  disturbed: number
  isFirst: boolean
}

const now = (): number => Number(process.hrtime.bigint()) / 1e6

/** Sends requests that are due as soon as a connection is free. */
const openSender = (connections: Connection[], timed: (instant: number) => void) => {
  const idle = [...connections]
  const due: number[] = []
  const sendDue = async (connection: Connection): Promise<void> => {
    for (let instant = due.shift(); instant !== undefined; instant = due.shift()) {
      await connection.sendNext()
      timed(instant)
    }
    idle.push(connection)
  }
  return (instant: number): Promise<void> => {
    due.push(instant)
    const connection = idle.shift()
    return connection ? sendDue(connection) : Promise.resolve()
  }
}

export const openLoop = async (job: OpenLoop): Promise<OpenLoopResult> => {
  const { port, pids, rate, warmUp, measure } = job
  await using stack = new AsyncDisposableStack()
  // New threads, such as the timer, inherit this.
  const { isFirst } = stack.use(runFirst())
  const interval = 1000 / rate
  const count = Math.round(((warmUp + measure) * rate) / 1000)
  const firstTimed = Math.round((warmUp * rate) / 1000)
  const times: number[] = []
  let start = 0
  let late = 0
  let refused = 0
  let ended = false
  const open = stack.use(await openConnections(port, job.connections))
  const background = stack.use(await openConnections(port, job.background))
  // A request belongs to the measurement by its scheduled time: one that waited since the warm-up does not.
  const send = openSender(open, instant => {
    if (instant >= start + (firstTimed - 0.5) * interval) times.push(now() - instant)
  })
  const running = Promise.all(
    background.map(async connection => {
      while (!ended) if (!(await connection.sendNext())) refused++
    }),
  )
  const pending: Promise<void>[] = []
  let before: Usage | undefined
  const timer = new Worker(new URL('./timer.ts', import.meta.url), { workerData: { interval, count } })
  stack.defer(async () => {
    await timer.terminate()
  })
  const ticking = new Promise<void>((resolve, reject) => {
    timer.once('message', (first: number) => {
      start = first
      timer.on('message', (tick: number) => {
        // Reading the usage takes some milliseconds, so it is read well before the first request that counts.
        if (tick === firstTimed - Math.ceil(rate / 10)) before = readUsage(pids, process.ppid)
        const instant = start + tick * interval
        if (tick >= firstTimed) late = Math.max(late, now() - instant)
        const sent = send(instant)
        sent.catch(reject)
        pending.push(sent)
      })
    })
    timer.on('error', reject)
    timer.on('exit', () => resolve())
  })
  await Promise.race([ticking, running.then(() => ticking)])
  await Promise.all(pending)
  before ??= readUsage(pids, process.ppid)
  const { disturbed } = usedBetween(before, readUsage(pids, process.ppid))
  ended = true
  await running
  return {
    ...{ count: times.length, refused, p50: median(times), p99: quantile(times, 0.99) },
    ...{ most: Math.max(...times), late, disturbed, isFirst },
  }
}
