import { Worker } from 'node:worker_threads'
import { median, quantile } from '../statistics.ts'
import { cpuSeconds } from './cpu.ts'
import { type Lane, type OpenLane, openLanes } from './lane.ts'

// Requests at fixed instants, whether or not the ones before are answered. Each time is counted from the instant at
// which it was to be sent: a server that stalls holds up those behind, and a client that waited with it would not see.

/** `of`: how many of each round of requests are of this kind. */
export type Kind = { name: string; of: number; lanes: Lane[] }

/** `rate` a second in all. `background` lanes ask again as soon as they are answered, and are not timed. */
export type Pace = {
  kind: 'pace'
  port: number
  pids: number[]
  rate: number
  kinds: Kind[]
  background: Lane[]
  warmUp: number
  measure: number
}

/** Times in milliseconds, `cpu` in microseconds a request of any kind. */
export type Paced = {
  cpu: number
  refused: number
  kinds: Record<string, { count: number; p50: number; p99: number; most: number }>
}

/** The kinds in the order in which they are sent, spread evenly. */
const sequence = (kinds: Kind[]): number[] => {
  const places = kinds.flatMap(({ of }, kind) =>
    Array.from({ length: of }, (_, at) => ({ kind, place: (at + 0.5) / of })),
  )
  return places.sort((a, b) => a.place - b.place).map(({ kind }) => kind)
}

const now = (): number => Number(process.hrtime.bigint()) / 1e6

/** Sends what is due as soon as a connection is free. */
const openKind = (lanes: OpenLane[], timed: (took: number) => void, refused: () => void) => {
  const idle = [...lanes]
  const due: number[] = []
  const go = async (lane: OpenLane): Promise<void> => {
    for (let instant = due.shift(); instant !== undefined; instant = due.shift()) {
      if (await lane.ask()) timed(now() - instant)
      else refused()
    }
    idle.push(lane)
  }
  return (instant: number): Promise<void> => {
    due.push(instant)
    const lane = idle.shift()
    return lane ? go(lane) : Promise.resolve()
  }
}

export const pace = async ({
  port,
  pids,
  rate,
  kinds,
  background,
  warmUp,
  measure,
}: Pace): Promise<Paced> => {
  await using stack = new AsyncDisposableStack()
  const times = kinds.map((): number[] => [])
  const interval = 1000 / rate
  const start = now() + 200
  const [from, to] = [start + warmUp, start + warmUp + measure]
  let refused = 0
  const senders: ((instant: number) => Promise<void>)[] = []
  for (const [at, { lanes }] of kinds.entries()) {
    const open = stack.use(await openLanes(port, lanes))
    const timed = (took: number) => void (now() >= from && times[at]?.push(took))
    senders.push(openKind(open, timed, () => void refused++))
  }
  const others = stack.use(await openLanes(port, background))

  let ended = false
  let spent = 0
  const order = sequence(kinds)
  const pending: Promise<void>[] = []
  const behind = Promise.all(
    others.map(async lane => {
      while (!ended) if (!(await lane.ask())) refused++
    }),
  )
  const ticker = new Worker(new URL('./tick.ts', import.meta.url), { workerData: { start, interval, to } })
  const ticking = new Promise<void>((resolve, reject) => {
    ticker.on('message', (tick: number) => {
      const instant = start + tick * interval
      if (spent === 0 && instant >= from) spent = -cpuSeconds(pids)
      pending.push(senders[order[tick % order.length] as number]?.(instant) ?? Promise.resolve())
      pending.at(-1)?.catch(reject)
    })
    ticker.on('error', reject)
    ticker.on('exit', () => resolve())
  })
  stack.defer(async () => {
    await ticker.terminate()
  })
  await Promise.race([ticking, behind.then(() => ticking)])
  spent += cpuSeconds(pids)
  await Promise.all(pending)
  ended = true
  await behind
  const count = times.reduce((sum, { length }) => sum + length, 0)
  const told = kinds.map(({ name }, at) => {
    const took = times[at] as number[]
    return [
      name,
      { count: took.length, p50: median(took), p99: quantile(took, 0.99), most: Math.max(...took) },
    ] as const
  })
  return { refused, cpu: (spent / count) * 1e6, kinds: Object.fromEntries(told) }
}
