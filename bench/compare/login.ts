import { median } from '../statistics.ts'
import { closedLoopTable, of, pairedRatio, ratioBudget, roundsOf, shown, spread } from './figures.ts'
import { type Hashes, measureHashes } from './hashes.ts'
import { interleaved } from './interleaved.ts'
import { hashing } from './requests.ts'
import { type Part, type Row, type Run, targetsOf } from './run.ts'
import { names, type Target } from './target.ts'

const connectionCount = 8
const needs = [names.latchkey, names.express]

const bare = 'bcrypt alone'

type Figures = { hashes: Hashes[]; rows: Row[] }

const measure = async (run: Run): Promise<Figures> => {
  const milliseconds = run.quick ? 2500 : 7000
  type Entry = { name: string; service: Target | null }
  // The hashes alone are measured in the same rounds, so they are one of the entries.
  const entries: Entry[] = [
    { name: bare, service: null },
    ...targetsOf(run, needs).map(service => ({ name: service.name, service })),
  ]
  const rows = await interleaved(run, entries, async ({ service }) => {
    if (!service) return measureHashes(milliseconds)
    const { requests, logins, running } = service
    return run.load.closedLoop({
      ...{ port: running.port, pids: running.pids, warmUp: 700, measure: milliseconds, aligned: true },
      connections: hashing(logins.map(requests.login), 200, connectionCount),
    })
  })
  const hashes = roundsOf(rows, bare).flatMap(each => ('threads' in each ? [each] : []))
  const loops = rows.slice(1).map(({ name, rounds }) => ({
    name,
    rounds: rounds.flatMap(each => ('threads' in each ? [] : [each])),
  }))
  return { hashes, rows: loops }
}

/** Sign-ins. Nearly all of their time is the hash of the password. */
export const login: Part<Figures> = {
  ...{ needs, measure },
  describe: ({ hashes, rows }) => {
    const own = roundsOf(rows, names.latchkey)
    const [cpu, rate] = [hashes.map(({ cpu }) => cpu), hashes.map(({ perSecond }) => perSecond)]
    const table = closedLoopTable(rows, { isLong: true })
    const milliseconds = cpu.map(each => each / 1000)
    const floor = [`${bare}, on as many threads`, shown(median(milliseconds)), spread(milliseconds)]
    return {
      title: 'Sign-in: POST /auth/login',
      note: `${connectionCount} sign-ins in flight, bcrypt at cost 12 everywhere. One bcrypt took ${shown(median(hashes.map(({ each }) => each)))} ms with ${hashes[0]?.threads} threads busy, which limits the sign-ins a second. The hand-written one hashes in the thread pool that files and DNS share; Latchkey hashes in threads of its own, at a lower priority. A measurement begins and ends with a reply, so that no part of a hash is missing.`,
      table: {
        head: table.head,
        rows: [...table.rows, [...floor, '', '', '', shown(median(rate)), spread(rate), '', '', '']],
      },
      budgets: [
        ratioBudget('sign-ins, against hash threads ÷ time of one bcrypt', 0.97, {
          cpu: pairedRatio(cpu, of(own, 'cpu')),
          rate: pairedRatio(of(own, 'rate'), rate),
        }),
      ],
    }
  },
}
