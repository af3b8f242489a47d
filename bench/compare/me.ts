import { median } from '../statistics.ts'
import { names } from './contestant.ts'
import { compared, of, pressTable, ratioBudget } from './figures.ts'
import { cycling } from './requests.ts'
import { type Budget, interleaved, type Run, type Section, warmUp } from './run.ts'

const connections = 64

/** Who am I? With everything that each of them checks before it answers. */
export const measureMe = async (run: Run): Promise<Section> => {
  const all = run.contestants
  const results = await interleaved(run.rounds, all, ({ words, sessions, running }, round) => {
    const lanes = cycling(sessions.map(words.me), connections)
    const { port, pids } = running
    return run.load.press({ port, pids, lanes, warmUp: warmUp(run, round), measure: run.measure })
  })
  const told = all.map(one => ({ name: one.name, rounds: results.get(one) ?? [] }))
  const roundsOf = (name: string) => told.find(each => each.name === name)?.rounds ?? []
  const against = (line: string, peer: string, wanted: number): Budget[] =>
    roundsOf(peer).length > 0
      ? [ratioBudget(line, wanted, compared(roundsOf(names.latchkey), roundsOf(peer)))]
      : []
  return {
    title: 'Who am I: GET /auth/me',
    note: `${connections} connections, ${all[0]?.sessions.length} sessions in turn. Latchkey verifies the token, asks Redis and Postgres whether the session lives, counts the request against its limit in Redis, writes a line of log, and answers the profile. The hand-written ones verify a JWT and read the profile: a session that has ended goes on being served there until its token expires. Better Auth looks the session up.`,
    table: pressTable(told),
    budgets: [
      ...against('GET /auth/me, against hand-written Express + jsonwebtoken + pg', names.express, 1),
      ...against('GET /auth/me, against Better Auth get-session with Redis', names.betterAuthRedis, 4),
    ],
    bars: told.map(({ name, rounds }) => ({ name, cpu: median(of(rounds, 'cpu')) })),
  }
}
