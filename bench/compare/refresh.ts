import { median } from '../statistics.ts'
import type { ClosedLoopResult } from './closed-loop.ts'
import type { ConnectionSpec } from './connection.ts'
import { closedLoopTable, compared, of, ratioBudget } from './figures.ts'
import { cycling, rotating } from './requests.ts'
import { interleaved, type Run, type Section, targetOf, warmUp } from './run.ts'
import { names, type Target } from './target.ts'

type Entry = { name: string; closedLoop: (warmUp: number) => Promise<ClosedLoopResult> }

/** Refreshes one session on each connection, and keeps the last tokens for the next round. */
const renewing = (run: Run, one: Target): Entry['closedLoop'] | null => {
  const { requests, running, renewals } = one
  const { refresh } = requests
  if (!refresh) return null
  return async warmUp => {
    const connections = rotating(
      refresh,
      renewals.map(session => session.refresh),
    )
    const { port, pids } = running
    const result = await run.load.closedLoop({ port, pids, connections, warmUp, measure: run.measure })
    result.tokens.forEach((token, at) => {
      const session = renewals[at]
      if (session) session.refresh = token
    })
    return result
  }
}

/** Measures refreshes: a refresh token is exchanged for the next one and a new access token. */
export const measureRefresh = async (run: Run): Promise<Section> => {
  const own = targetOf(run, names.latchkey)
  const connectionCount = own.renewals.length
  const connections: ConnectionSpec[] = cycling(own.sessions.map(own.requests.me), connectionCount)
  const { port, pids } = own.running
  const me: Entry = {
    name: 'Latchkey, GET /auth/me',
    closedLoop: warmUp => run.load.closedLoop({ port, pids, connections, warmUp, measure: run.measure }),
  }
  const renewals = run.targets.flatMap((one): Entry[] => {
    const closedLoop = renewing(run, one)
    return closedLoop ? [{ name: one.name, closedLoop }] : []
  })
  const all = [...renewals, me]
  const results = await interleaved(run.rounds, all, (one, round) => one.closedLoop(warmUp(run, round)))
  const rows = all.map(one => ({ name: one.name, rounds: results.get(one) ?? [] }))
  const ratio = compared(rows[0]?.rounds ?? [], rows.at(-1)?.rounds ?? [])
  return {
    title: 'Refresh: POST /auth/refresh',
    note: `${connectionCount} connections, each with its own session; every reply must hold a new token. The hand-written ones exchange the hash of a token in one statement: they do not detect a stolen token, and they sign out a client whose reply was lost. Better Auth has no such request: its cookie stays the same.`,
    table: closedLoopTable(rows),
    budgets: [ratioBudget('POST /auth/refresh, against our own GET /auth/me', 0.5, ratio)],
    bars: rows.slice(0, -1).map(({ name, rounds }) => ({ name, cpu: median(of(rounds, 'cpu')) })),
  }
}
