import { barsOf, closedLoopTable, rowBudget } from './figures.ts'
import { interleaved } from './interleaved.ts'
import { cycling } from './requests.ts'
import { rotate } from './rotate.ts'
import { type Part, type Row, type Run, targetOf, targetsOf, warmUp } from './run.ts'
import { names } from './target.ts'

const needs = [names.latchkey, names.express, names.fastify]
const ownMe = 'Latchkey, GET /auth/me'
const line = 'POST /auth/refresh, against'

const measure = async (run: Run): Promise<Row[]> => {
  const own = targetOf(run, names.latchkey)
  const asks = cycling(own.sessions.map(own.requests.me), own.renewals.length)
  const loop = (round: number) => ({ warmUp: warmUp(run, round), measure: run.measure })
  const me = {
    name: ownMe,
    closedLoop: (round: number) =>
      run.load.closedLoop({
        ...{ port: own.running.port, pids: own.running.pids, connections: asks },
        ...loop(round),
      }),
  }
  const refreshes = targetsOf(run, needs).map(one => ({
    name: one.name,
    closedLoop: (round: number) => rotate(run, { ...one, ...loop(round) }),
  }))
  return interleaved(run, [...refreshes, me], (one, round) => one.closedLoop(round))
}

/** Refreshes: a refresh token is exchanged for the next one and a new access token. */
export const refresh: Part<Row[]> = {
  ...{ needs, measure },
  describe: rows => ({
    title: 'Refresh: POST /auth/refresh',
    note: '128 connections, each with its own session; every reply must hold a new token. The hand-written ones exchange the hash of a token in one statement: they do not detect a stolen token, and they sign out a client whose reply was lost. Better Auth has no such request: its cookie stays the same.',
    table: closedLoopTable(rows),
    budgets: [
      rowBudget(rows, {
        ...{ line: `${line} our own GET /auth/me`, own: names.latchkey, peer: ownMe, wanted: 0.7 },
      }),
      rowBudget(rows, {
        ...{ line: `${line} Express’s refresh`, own: names.latchkey, peer: names.express, wanted: 1 },
      }),
    ],
    bars: barsOf(rows.slice(0, -1)),
  }),
}
