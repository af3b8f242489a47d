import { setTimeout as sleep } from 'node:timers/promises'
import { median, quantile } from '../statistics.ts'
import { type ConnectionSpec, openConnections } from './connection.ts'
import { cpuSeconds } from './cpu.ts'

/**
 * Every connection sends its next request as soon as it has an answer. The CPU time of `pids` is measured. It runs for
 * `measure` milliseconds, or up to five times as long until there are `least` answers.
 */
export type ClosedLoop = {
  kind: 'closed'
  port: number
  pids: number[]
  connections: ConnectionSpec[]
  warmUp: number
  measure: number
  least?: number
}

/** `rate` in requests a second, `cpu` in microseconds a request, times in milliseconds; the last token of each connection. */
export type ClosedLoopResult = {
  count: number
  refused: number
  rate: number
  cpu: number
  p50: number
  p99: number
  tokens: string[]
}

/** Sends as many requests as the server answers. It waits for every answer, so that the last refresh tokens are known. */
export const closedLoop = async (job: ClosedLoop): Promise<ClosedLoopResult> => {
  const { port, pids, connections: wanted, warmUp, measure, least = 1 } = job
  using connections = await openConnections(port, wanted)
  const times: number[] = []
  let refused = 0
  let isMeasuring = false
  let ended = false
  const keepSending = async (connection: (typeof connections)[number]): Promise<void> => {
    while (!ended) {
      const began = performance.now()
      const done = await connection.sendNext()
      if (!isMeasuring) continue
      if (!done) {
        refused++
        continue
      }
      times.push(performance.now() - began)
    }
  }
  const all = Promise.all(connections.map(keepSending))
  // An error rejects at once. Without one the time decides.
  await Promise.race([all, sleep(warmUp)])
  const before = cpuSeconds(pids)
  const started = performance.now()
  isMeasuring = true
  for (let turn = 0; turn === 0 || (turn < 5 && times.length < least); turn++)
    await Promise.race([all, sleep(measure)])
  isMeasuring = false
  const took = performance.now() - started
  const cpu = cpuSeconds(pids) - before
  ended = true
  await all
  const count = times.length
  return {
    ...{ count, refused, rate: (count / took) * 1000, cpu: (cpu / count) * 1e6 },
    ...{ p50: median(times), p99: quantile(times, 0.99) },
    tokens: connections.flatMap(connection => connection.token() ?? []),
  }
}
