import { median } from '../statistics.ts'
import { type Contestant, names } from './contestant.ts'
import { of, pairedRatio, pressTable, shown, spread, times } from './figures.ts'
import { type Hashes, measureHashes } from './hashes.ts'
import type { Pressed } from './press.ts'
import { hashing } from './requests.ts'
import { interleaved, type Run, type Section } from './run.ts'

const wanted = 0.95
const connections = 8
const least = 3 * connections

/** Passwords cost time on purpose: what is left to lose is little. */
export const measureLogin = async (run: Run): Promise<Section> => {
  const measure = run.quick ? 2500 : 10_000
  const rounds = Math.min(run.rounds, run.quick ? 1 : 3)
  const all: (Contestant | 'hashes')[] = ['hashes', ...run.contestants]
  const results = await interleaved(rounds, all, (one): Promise<Pressed | Hashes> => {
    if (one === 'hashes') return measureHashes(measure)
    const { words, logins, running } = one
    const lanes = hashing(logins.map(words.login), 200, connections)
    return run.load.press({ ...running, lanes, warmUp: 700, measure, least })
  })
  const hashes = (results.get('hashes') ?? []) as Hashes[]
  const told = run.contestants.map(one => ({ name: one.name, rounds: (results.get(one) ?? []) as Pressed[] }))
  const most = hashes.map(({ perSecond }) => perSecond)
  const own = told.find(({ name }) => name === names.latchkey)?.rounds ?? []
  const ratio = pairedRatio(of(own, 'rate'), most)
  const table = pressTable(told, { isLong: true })
  const width = table.head.length
  const floor = ['bcrypt alone, on as many threads', shown(median(most)), spread(most)]
  return {
    title: 'Signing in: POST /auth/login',
    note: `${connections} logins in flight, bcrypt at cost 12 everywhere. One bcrypt took ${shown(median(hashes.map(({ each }) => each)))} ms with ${hashes[0]?.threads} threads busy; more logins a second than that allows, nobody can have. The hand-written ones and Better Auth hash in the thread pool that files and DNS share; Latchkey in threads of its own, at a lower priority.`,
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

/** The same with a new account each time. */
export const measureRegister = async (run: Run): Promise<Section> => {
  const measure = run.quick ? 2000 : 7000
  const rounds = Math.min(run.rounds, run.quick ? 1 : 2)
  const results = await interleaved(rounds, run.contestants, ({ words, running }) => {
    const { ask, status } = words.register
    return run.load.press({
      ...running,
      lanes: hashing([ask], status, connections),
      warmUp: 1000,
      measure,
      least,
    })
  })
  return {
    title: 'Signing up: POST /auth/register',
    note: `${connections} at a time, bcrypt at cost 12. Latchkey also writes the mail that it owes, in the same transaction, and puts it into the queue; the others send none.`,
    table: pressTable(
      run.contestants.map(one => ({ name: one.name, rounds: results.get(one) ?? [] })),
      { isLong: true },
    ),
    budgets: [],
  }
}
