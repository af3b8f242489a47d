import { barsOf, closedLoopTable, rowBudget } from './figures.ts'
import { interleaved } from './interleaved.ts'
import { cycling } from './requests.ts'
import { type Part, type Row, targetsOf, warmUp } from './run.ts'
import { names } from './target.ts'

const connectionCount = 64
const needs = [names.latchkey, names.express, names.fastify, names.betterAuthRedis]
const own = names.latchkey

/** `GET /auth/me`, with every check that each service makes before it answers. */
export const me: Part<Row[]> = {
  needs,
  measure: run =>
    interleaved(run, targetsOf(run, needs), ({ requests, sessions, running }, round) => {
      const connections = cycling(sessions.map(requests.me), connectionCount)
      return run.load.closedLoop({
        ...{ port: running.port, pids: running.pids, connections },
        ...{ warmUp: warmUp(run, round), measure: run.measure },
      })
    }),
  describe: rows => ({
    title: 'Current user: GET /auth/me',
    note: `${connectionCount} connections, 256 sessions in turn. Latchkey verifies the token, checks in Redis and Postgres that the session is active, counts the request against its limit in Redis, writes a log line, and returns the profile. The hand-written ones verify a JWT and read the profile: they accept the token of an ended session until it expires. Better Auth looks the session up.`,
    table: closedLoopTable(rows),
    budgets: [
      rowBudget(rows, {
        line: 'GET /auth/me, against hand-written Express + jsonwebtoken + pg without revocation',
        ...{ own, peer: names.express, wanted: 1.5 },
      }),
      rowBudget(rows, {
        line: 'GET /auth/me, against Better Auth get-session with Redis',
        ...{ own, peer: names.betterAuthRedis, wanted: 7 },
      }),
    ],
    bars: barsOf(rows),
  }),
}
