import { setTimeout as sleep } from 'node:timers/promises'
import { median, quantile } from '../statistics.ts'
import { cpuSeconds } from './cpu.ts'
import { type Lane, openLanes } from './lane.ts'

/**
 * Every lane asks again as soon as it is answered. `pids` is whose CPU time is measured. It takes `measure`
 * milliseconds, and up to five times as long where fewer than `least` were answered by then.
 */
export type Press = {
  kind: 'press'
  port: number
  pids: number[]
  lanes: Lane[]
  warmUp: number
  measure: number
  least?: number
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
export const press = async (job: Press): Promise<Pressed> => {
  const { port, pids, lanes: wanted, warmUp, measure, least = 1 } = job
  using lanes = await openLanes(port, wanted)
  const times: number[] = []
  let refused = 0
  let counts = false
  let ended = false
  const keepAsking = async (lane: (typeof lanes)[number]): Promise<void> => {
    while (!ended) {
      const began = performance.now()
      const done = await lane.ask()
      if (!counts) continue
      if (!done) {
        refused++
        continue
      }
      times.push(performance.now() - began)
    }
  }
  const all = Promise.all(lanes.map(keepAsking))
  // A fault ends it at once; while nothing fails, the clock does.
  await Promise.race([all, sleep(warmUp)])
  const before = cpuSeconds(pids)
  const started = performance.now()
  counts = true
  for (let turn = 0; turn === 0 || (turn < 5 && times.length < least); turn++)
    await Promise.race([all, sleep(measure)])
  counts = false
  const took = performance.now() - started
  const spent = cpuSeconds(pids) - before
  ended = true
  await all
  const count = times.length
  return {
    ...{ count, refused, rate: (count / took) * 1000, cpu: (spent / count) * 1e6 },
    ...{ p50: median(times), p99: quantile(times, 0.99) },
    tokens: lanes.flatMap(lane => lane.token() ?? []),
  }
}
