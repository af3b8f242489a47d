import { setTimeout as sleep } from 'node:timers/promises'
import { median, quantile } from '../statistics.ts'
import { type ConnectionSpec, openConnections } from './connection.ts'
import { readUsage, usedBetween } from './usage.ts'

/**
 * Every connection sends its next request as soon as it has an answer. The CPU time of `pids` is measured for `measure`
 * milliseconds, or until there are `total` answers. With `aligned` the measurement begins and ends with an answer, so that
 * no long request is counted by a part of its time.
 */
export type ClosedLoop = {
  kind: 'closed'
  port: number
  pids: number[]
  connections: ConnectionSpec[]
  warmUp: number
  measure: number
  total?: number
  aligned?: boolean
}

/** CPU times in microseconds a request, `rate` in requests a second, other times in milliseconds. */
export type ClosedLoopResult = {
  count: number
  refused: number
  cpu: number
  redis: number
  postgres: number
  rate: number
  p50: number
  p99: number
  /** Other work of the machine, as a share of one core. */
  disturbed: number
}

/** `tokens` are the last refresh tokens of the connections that rotate them. */
export type ClosedLoopEnd = { result: ClosedLoopResult; tokens: string[] }

/** Sends as many requests as the server answers. It waits for every answer, so that the last refresh tokens are known. */
export const closedLoop = async (job: ClosedLoop): Promise<ClosedLoopEnd> => {
  const { port, pids, connections: wanted, warmUp, measure, total, aligned } = job
  using connections = await openConnections(port, wanted)
  const times: number[] = []
  let refused = 0
  let isMeasuring = false
  let ended = false
  let answers = 0
  let awaited = { count: Number.POSITIVE_INFINITY, resolve: () => {} }
  const untilAnswers = (more: number): Promise<void> =>
    new Promise(resolve => {
      awaited = { count: answers + more, resolve }
    })
  const keepSending = async (connection: (typeof connections)[number]): Promise<void> => {
    while (!ended) {
      const began = performance.now()
      const done = await connection.sendNext()
      answers++
      if (isMeasuring && done) times.push(performance.now() - began)
      if (isMeasuring && !done) refused++
      if (answers >= awaited.count) awaited.resolve()
    }
  }
  const all = Promise.all(connections.map(keepSending))
  // An error rejects at once. Without one the time decides.
  await Promise.race([all, sleep(warmUp)])
  if (aligned) await Promise.race([all, untilAnswers(1)])
  const before = readUsage(pids, process.ppid)
  isMeasuring = true
  const started = performance.now()
  await Promise.race([all, total === undefined ? sleep(measure) : untilAnswers(total)])
  if (aligned) await Promise.race([all, untilAnswers(1)])
  isMeasuring = false
  const took = performance.now() - started
  const used = usedBetween(before, readUsage(pids, process.ppid))
  ended = true
  await all
  const count = times.length
  return {
    result: {
      ...{ count, refused, rate: (count / took) * 1000 },
      ...{ cpu: used.service / count, redis: used.redis / count, postgres: used.postgres / count },
      ...{ p50: median(times), p99: quantile(times, 0.99), disturbed: used.disturbed },
    },
    tokens: connections.flatMap(connection => connection.token() ?? []),
  }
}
