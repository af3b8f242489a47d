import { setTimeout as sleep } from 'node:timers/promises'
import { median, quantile } from '../statistics.ts'
import { cpuSeconds } from './cpu.ts'
import { type Lane, openLanes } from './lane.ts'

/** Every lane asks again as soon as it is answered. `pids` is whose CPU time is measured. */
export type Press = {
  kind: 'press'
  port: number
  pids: number[]
  lanes: Lane[]
  warmUp: number
  measure: number
}

/** `rate` a second, `cpu` in microseconds a request, times in milliseconds; tokens that the lanes ended with. */
export type Pressed = {
  count: number
  refused: number
  rate: number
  cpu: number
  p50: number
  p99: number
  tokens: string[]
}

/** As much as a server takes. Everything that was asked is answered before it ends: no token is left half-spent. */
export const press = async ({ port, pids, lanes: wanted, warmUp, measure }: Press): Promise<Pressed> => {
  using lanes = await openLanes(port, wanted)
  const took: number[] = []
  let refused = 0
  let counts = false
  let ended = false
  let first = 0
  let last = 0
  const keepAsking = async (lane: (typeof lanes)[number]): Promise<void> => {
    while (!ended) {
      const began = performance.now()
      const done = await lane.ask()
      const now = performance.now()
      if (!counts) continue
      if (!done) {
        refused++
        continue
      }
      if (took.length === 0) first = now
      last = now
      took.push(now - began)
    }
  }
  const all = Promise.all(lanes.map(keepAsking))
  // A fault ends it at once; while nothing fails, the clock does.
  await Promise.race([all, sleep(warmUp)])
  const before = cpuSeconds(pids)
  counts = true
  await Promise.race([all, sleep(measure)])
  counts = false
  const spent = cpuSeconds(pids) - before
  ended = true
  await all
  const count = took.length
  return {
    ...{ count, refused, rate: ((count - 1) / (last - first)) * 1000, cpu: (spent / count) * 1e6 },
    ...{ p50: median(took), p99: quantile(took, 0.99) },
    tokens: lanes.flatMap(lane => lane.token() ?? []),
  }
}
