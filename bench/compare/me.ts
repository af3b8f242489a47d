import { median } from '../statistics.ts'
import { closedLoopTable, compared, of, ratioBudget } from './figures.ts'
import { cycling } from './requests.ts'
import { type Budget, interleaved, type Run, type Section, warmUp } from './run.ts'
import { names } from './target.ts'

const connectionCount = 64

/** Measures `GET /auth/me`, with every check that each service makes before it answers. */
export const measureMe = async (run: Run): Promise<Section> => {
  const all = run.targets
  const results = await interleaved(run.rounds, all, ({ requests, sessions, running }, round) => {
    const connections = cycling(sessions.map(requests.me), connectionCount)
    const { port, pids } = running
    return run.load.closedLoop({ port, pids, connections, warmUp: warmUp(run, round), measure: run.measure })
  })
  const rows = all.map(one => ({ name: one.name, rounds: results.get(one) ?? [] }))
  const roundsOf = (name: string) => rows.find(each => each.name === name)?.rounds ?? []
  const against = (line: string, peer: string, wanted: number): Budget[] =>
    roundsOf(peer).length > 0
      ? [ratioBudget(line, wanted, compared(roundsOf(names.latchkey), roundsOf(peer)))]
      : []
  return {
    title: 'Current user: GET /auth/me',
    note: `${connectionCount} connections, ${all[0]?.sessions.length} sessions in turn. Latchkey verifies the token, checks in Redis and Postgres that the session is active, counts the request against its limit in Redis, writes a log line, and returns the profile. The hand-written ones verify a JWT and read the profile: they accept the token of an ended session until it expires. Better Auth looks the session up.`,
    table: closedLoopTable(rows),
    budgets: [
      ...against('GET /auth/me, against hand-written Express + jsonwebtoken + pg', names.express, 1),
      ...against('GET /auth/me, against Better Auth get-session with Redis', names.betterAuthRedis, 4),
    ],
    bars: rows.map(({ name, rounds }) => ({ name, cpu: median(of(rounds, 'cpu')) })),
  }
}
