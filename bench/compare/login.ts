import { median } from '../statistics.ts'
import type { ClosedLoopResult } from './closed-loop.ts'
import { closedLoopTable, of, pairedRatio, shown, spread, times } from './figures.ts'
import { type Hashes, measureHashes } from './hashes.ts'
import { hashing } from './requests.ts'
import { interleaved, type Run, type Section } from './run.ts'
import { names, type Target } from './target.ts'

const wanted = 0.95
const connectionCount = 8
const least = 3 * connectionCount

/** Measures logins. Nearly all of their time is the hash of the password. */
export const measureLogin = async (run: Run): Promise<Section> => {
  const measure = run.quick ? 2500 : 10_000
  const rounds = Math.min(run.rounds, run.quick ? 1 : 3)
  const all: (Target | 'hashes')[] = ['hashes', ...run.targets]
  const results = await interleaved(rounds, all, (one): Promise<ClosedLoopResult | Hashes> => {
    if (one === 'hashes') return measureHashes(measure)
    const { requests, logins, running } = one
    const connections = hashing(logins.map(requests.login), 200, connectionCount)
    return run.load.closedLoop({ ...running, connections, warmUp: 700, measure, least })
  })
  const hashes = (results.get('hashes') ?? []) as Hashes[]
  const rows = run.targets.map(one => ({
    name: one.name,
    rounds: (results.get(one) ?? []) as ClosedLoopResult[],
  }))
  const most = hashes.map(({ perSecond }) => perSecond)
  const own = rows.find(({ name }) => name === names.latchkey)?.rounds ?? []
  const ratio = pairedRatio(of(own, 'rate'), most)
  const table = closedLoopTable(rows, { isLong: true })
  const width = table.head.length
  const floor = ['bcrypt alone, on as many threads', shown(median(most)), spread(most)]
  return {
    title: 'Sign-in: POST /auth/login',
    note: `${connectionCount} logins in flight, bcrypt at cost 12 everywhere. One bcrypt took ${shown(median(hashes.map(({ each }) => each)))} ms with ${hashes[0]?.threads} threads busy, which limits the logins a second. The hand-written ones and Better Auth hash in the thread pool that files and DNS share; Latchkey hashes in threads of its own, at a lower priority.`,
    table: { ...table, rows: [...table.rows, [...floor, ...Array.from({ length: width - 3 }, () => '')]] },
    budgets: [
      {
        line: 'logins per second, against hash threads ÷ time of one bcrypt',
        ...{
          wanted: `≥ ${times(wanted)}`,
          measured: times(ratio),
          held: Number.isNaN(ratio) ? null : ratio >= wanted,
        },
      },
    ],
  }
}

/** Measures registrations, each with a new account. */
export const measureRegister = async (run: Run): Promise<Section> => {
  const measure = run.quick ? 2000 : 7000
  const rounds = Math.min(run.rounds, run.quick ? 1 : 2)
  const results = await interleaved(rounds, run.targets, ({ requests, running }) => {
    const { ask, status } = requests.register
    return run.load.closedLoop({
      ...running,
      connections: hashing([ask], status, connectionCount),
      warmUp: 1000,
      measure,
      least,
    })
  })
  return {
    title: 'Sign-up: POST /auth/register',
    note: `${connectionCount} at a time, bcrypt at cost 12. Latchkey also queues an email in the same transaction; the other services send none.`,
    table: closedLoopTable(
      run.targets.map(one => ({ name: one.name, rounds: results.get(one) ?? [] })),
      { isLong: true },
    ),
    budgets: [],
  }
}
