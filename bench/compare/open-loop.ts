import { Worker } from 'node:worker_threads'
import { median, quantile } from '../statistics.ts'
import { type Connection, type ConnectionSpec, openConnections } from './connection.ts'
import { cpuSeconds } from './cpu.ts'

// Sends requests at fixed times, even if earlier ones are not answered. A request counts from its scheduled time, so that
// a stall of the server also counts for the requests that wait behind it.

/** `of`: how many requests of each round are of this kind. */
export type Kind = { name: string; of: number; connections: ConnectionSpec[] }

/** `rate` is requests a second in total. `background` connections send the next request at once, and are not timed. */
export type OpenLoop = {
  kind: 'open'
  port: number
  pids: number[]
  rate: number
  kinds: Kind[]
  background: ConnectionSpec[]
  warmUp: number
  measure: number
}

/** Times in milliseconds, `cpu` in microseconds for a request of any kind. */
export type OpenLoopResult = {
  cpu: number
  refused: number
  kinds: Record<string, { count: number; p50: number; p99: number; most: number }>
}

/** The order of the kinds within a round, spread evenly. */
const sequence = (kinds: Kind[]): number[] => {
  const places = kinds.flatMap(({ of }, kind) =>
    Array.from({ length: of }, (_, at) => ({ kind, place: (at + 0.5) / of })),
  )
  return places.sort((a, b) => a.place - b.place).map(({ kind }) => kind)
}

const now = (): number => Number(process.hrtime.bigint()) / 1e6

/** Sends requests that are due as soon as a connection is free. */
const openSender = (connections: Connection[], timed: (took: number) => void, refused: () => void) => {
  const idle = [...connections]
  const due: number[] = []
  const sendDue = async (connection: Connection): Promise<void> => {
    for (let instant = due.shift(); instant !== undefined; instant = due.shift()) {
      if (await connection.sendNext()) timed(now() - instant)
      else refused()
    }
    idle.push(connection)
  }
  return (instant: number): Promise<void> => {
    due.push(instant)
    const connection = idle.shift()
    return connection ? sendDue(connection) : Promise.resolve()
  }
}

export const openLoop = async ({
  port,
  pids,
  rate,
  kinds,
  background,
  warmUp,
  measure,
}: OpenLoop): Promise<OpenLoopResult> => {
  await using stack = new AsyncDisposableStack()
  const times = kinds.map((): number[] => [])
  const interval = 1000 / rate
  const start = now() + 200
  const [from, to] = [start + warmUp, start + warmUp + measure]
  let refused = 0
  const senders: ((instant: number) => Promise<void>)[] = []
  for (const [at, { connections }] of kinds.entries()) {
    const open = stack.use(await openConnections(port, connections))
    const timed = (took: number) => void (now() >= from && times[at]?.push(took))
    senders.push(openSender(open, timed, () => void refused++))
  }
  const backgroundConnections = stack.use(await openConnections(port, background))

  let ended = false
  let cpu = 0
  const order = sequence(kinds)
  const pending: Promise<void>[] = []
  const running = Promise.all(
    backgroundConnections.map(async connection => {
      while (!ended) if (!(await connection.sendNext())) refused++
    }),
  )
  const timer = new Worker(new URL('./timer.ts', import.meta.url), { workerData: { start, interval, to } })
  const ticking = new Promise<void>((resolve, reject) => {
    timer.on('message', (tick: number) => {
      const instant = start + tick * interval
      if (cpu === 0 && instant >= from) cpu = -cpuSeconds(pids)
      pending.push(senders[order[tick % order.length] as number]?.(instant) ?? Promise.resolve())
      pending.at(-1)?.catch(reject)
    })
    timer.on('error', reject)
    timer.on('exit', () => resolve())
  })
  stack.defer(async () => {
    await timer.terminate()
  })
  await Promise.race([ticking, running.then(() => ticking)])
  cpu += cpuSeconds(pids)
  await Promise.all(pending)
  ended = true
  await running
  const count = times.reduce((sum, { length }) => sum + length, 0)
  const byKind = kinds.map(({ name }, at) => {
    const took = times[at] as number[]
    return [
      name,
      { count: took.length, p50: median(took), p99: quantile(took, 0.99), most: Math.max(...took) },
    ] as const
  })
  return { refused, cpu: (cpu / count) * 1e6, kinds: Object.fromEntries(byKind) }
}
