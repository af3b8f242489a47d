import { median } from '../statistics.ts'
import type { Contestant } from './contestant.ts'
import { shown } from './figures.ts'
import type { Paced } from './pace.ts'
import { cycling, hashing, rotating } from './requests.ts'
import { interleaved, type Run, type Section } from './run.ts'

const rate = 150

/** A day in the life: mostly reads, some renewals, few logins. */
export const measureMix = async (run: Run): Promise<Section> => {
  const measured = run.contestants.filter(({ words }) => words.refresh)
  const results = await interleaved(
    run.quick ? 1 : Math.min(run.rounds, 2),
    measured,
    async (one: Contestant) => {
      const { words, sessions, running, renewals, logins } = one
      if (!words.refresh) throw new Error(`${one.name} renews nothing`)
      const spares = renewals.splice(0, 16)
      const tokens = spares.map(session => session.refresh)
      return run.load.pace({
        ...{ port: running.port, pids: running.pids, rate, background: [] },
        kinds: [
          { name: 'me', of: 45, lanes: cycling(sessions.map(words.me), 64) },
          { name: 'refresh', of: 4, lanes: rotating(words.refresh, tokens) },
          { name: 'login', of: 1, lanes: hashing(logins.map(words.login), 200, 16) },
        ],
        ...{ warmUp: 1500, measure: run.quick ? 3000 : 10_000 },
      })
    },
  )
  const show = (rounds: Paced[], kind: string, key: 'p50' | 'p99') =>
    shown(median(rounds.map(({ kinds }) => kinds[kind]?.[key] ?? Number.NaN)))
  return {
    title: 'A mix: 90 % me, 8 % refresh, 2 % login',
    note: `${rate} requests a second at fixed instants, ${rate * 0.02} of them logins; times from the instant. CPU of the whole, most of it bcrypt. Better Auth has no refresh.`,
    table: {
      head: [
        ...['', 'CPU ms/req', 'me p50 ms', 'me p99 ms', 'refresh p50 ms', 'refresh p99 ms'],
        ...['login p50 ms', 'login p99 ms'],
      ],
      rows: measured.map(one => {
        const rounds = results.get(one) ?? []
        return [
          ...[one.name, shown(median(rounds.map(({ cpu }) => cpu)) / 1000)],
          ...['me', 'refresh', 'login'].flatMap(kind => [
            show(rounds, kind, 'p50'),
            show(rounds, kind, 'p99'),
          ]),
        ]
      }),
    },
    budgets: [],
  }
}
