import { median } from '../statistics.ts'
import { pairedRatio, shown, spread, times } from './figures.ts'
import type { OpenLoopResult } from './open-loop.ts'
import { cycling, hashing } from './requests.ts'
import { interleaved, type Run, type Section } from './run.ts'
import { names, type Target } from './target.ts'

const rate = 200
const logins = 16
const connectionCount = 64
const wanted = 2

type Entry = { one: Target; busy: boolean }

const timesOf = ({ kinds }: OpenLoopResult) =>
  kinds.me ?? { count: 0, p50: Number.NaN, p99: Number.NaN, most: Number.NaN }

/** Measures how long an answer takes at a low rate, without other load and while users sign in. */
export const measureSteady = async (run: Run): Promise<Section> => {
  const measured = run.targets.filter(({ name }) => !run.quick || name === names.latchkey)
  const entries = measured.flatMap((one): Entry[] => [
    { one, busy: false },
    { one, busy: true },
  ])
  const rounds = Math.min(run.rounds, 4)
  const results = await interleaved(rounds, entries, ({ one, busy }) => {
    const { requests, sessions, running, logins: accounts } = one
    return run.load.openLoop({
      ...{ port: running.port, pids: running.pids, rate },
      kinds: [{ name: 'me', of: 1, connections: cycling(sessions.map(requests.me), connectionCount) }],
      background: busy ? hashing(accounts.map(requests.login), 200, logins) : [],
      ...{ warmUp: 1500, measure: run.quick ? 3000 : 5000 },
    })
  })
  const p99 = (entry: Entry | undefined) =>
    (entry ? (results.get(entry) ?? []) : []).map(result => timesOf(result).p99)
  const idleOf = ({ one }: Entry) => entries.find(each => each.one === one && !each.busy)
  const own = entries.find(({ one, busy }) => one.name === names.latchkey && busy)
  const ratio = own ? pairedRatio(p99(own), p99(idleOf(own))) : Number.NaN
  return {
    title: 'GET /auth/me while users sign in',
    note: `${rate} requests a second at fixed times. A request counts from its scheduled time, so that a stall of the server counts fully. In turn, ${logins} logins are always in flight, or none. The hash threads, the stores and the client share the cores of the machine with the measured service.`,
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
        const result = results.get(entry) ?? []
        const idle = idleOf(entry)
        return [
          ...[entry.one.name, entry.busy ? String(logins) : 'none'],
          ...[
            shown(median(result.map(each => timesOf(each).p50))),
            shown(median(p99(entry))),
            spread(p99(entry)),
          ],
          entry.busy ? times(pairedRatio(p99(entry), p99(idle))) : '',
          shown(Math.max(...result.map(each => timesOf(each).most))),
          String(result.reduce((sum, { refused }) => sum + refused, 0)),
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
