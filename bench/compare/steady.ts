import { median } from '../statistics.ts'
import { type Contestant, names } from './contestant.ts'
import { pairedRatio, shown, spread, times } from './figures.ts'
import type { Paced } from './pace.ts'
import { cycling, hashing } from './requests.ts'
import { interleaved, type Run, type Section } from './run.ts'

const rate = 200
const logins = 16
const connections = 64
const wanted = 2

type Entry = { one: Contestant; busy: boolean }

const timesOf = ({ kinds }: Paced) =>
  kinds.me ?? { count: 0, p50: Number.NaN, p99: Number.NaN, most: Number.NaN }

/** How long an answer takes at a rate that is no effort, while nothing else happens and while people sign in. */
export const measureSteady = async (run: Run): Promise<Section> => {
  const measured = run.contestants.filter(({ name }) => !run.quick || name === names.latchkey)
  const entries = measured.flatMap((one): Entry[] => [
    { one, busy: false },
    { one, busy: true },
  ])
  const rounds = Math.min(run.rounds, 4)
  const results = await interleaved(rounds, entries, ({ one, busy }) => {
    const { words, sessions, running, logins: people } = one
    return run.load.pace({
      ...{ port: running.port, pids: running.pids, rate },
      kinds: [{ name: 'me', of: 1, lanes: cycling(sessions.map(words.me), connections) }],
      background: busy ? hashing(people.map(words.login), 200, logins) : [],
      ...{ warmUp: 1500, measure: run.quick ? 3000 : 5000 },
    })
  })
  const p99 = (entry: Entry | undefined) =>
    (entry ? (results.get(entry) ?? []) : []).map(paced => timesOf(paced).p99)
  const idleOf = ({ one }: Entry) => entries.find(each => each.one === one && !each.busy)
  const own = entries.find(({ one, busy }) => one.name === names.latchkey && busy)
  const ratio = own ? pairedRatio(p99(own), p99(idleOf(own))) : Number.NaN
  return {
    title: 'Who am I, while others sign in',
    note: `${rate} requests a second at fixed instants, and times counted from the instant, so that a stall is not hidden by a client that waits with it; ${logins} logins always in flight, or none, in turn. The hashing threads, the stores and the client share the machine’s cores with the one that is measured.`,
    table: {
      head: [
        '',
        'logins in flight',
        'p50 ms',
        'p99 ms',
        'spread of p99',
        'p99, ratio to idle',
        'worst ms',
        'refused logins',
      ],
      rows: entries.map(entry => {
        const paced = results.get(entry) ?? []
        const idle = idleOf(entry)
        return [
          ...[entry.one.name, entry.busy ? String(logins) : 'none'],
          ...[
            shown(median(paced.map(each => timesOf(each).p50))),
            shown(median(p99(entry))),
            spread(p99(entry)),
          ],
          entry.busy ? times(pairedRatio(p99(entry), p99(idle))) : '',
          shown(Math.max(...paced.map(each => timesOf(each).most))),
          String(paced.reduce((sum, { refused }) => sum + refused, 0)),
        ]
      }),
    },
    budgets: [
      {
        line: `GET /auth/me, p99 while ${logins} logins are always in flight, against its idle p99 at the same rate`,
        ...{
          wanted: `≤ ${times(wanted)}`,
          measured: times(ratio),
          held: Number.isNaN(ratio) ? null : ratio <= wanted,
        },
      },
    ],
  }
}
