import { median } from '../statistics.ts'
import { shown } from './figures.ts'
import type { OpenLoopResult } from './open-loop.ts'
import { cycling, hashing, rotating } from './requests.ts'
import { interleaved, type Run, type Section } from './run.ts'
import type { Target } from './target.ts'

const rate = 150

/** Measures a typical mix: mostly reads, some refreshes, few logins. */
export const measureMix = async (run: Run): Promise<Section> => {
  const measured = run.targets.filter(({ requests }) => requests.refresh)
  const results = await interleaved(
    run.quick ? 1 : Math.min(run.rounds, 2),
    measured,
    async (one: Target) => {
      const { requests, sessions, running, renewals, logins } = one
      if (!requests.refresh) throw new Error(`${one.name} has no refresh`)
      const spares = renewals.splice(0, 16)
      const tokens = spares.map(session => session.refresh)
      return run.load.openLoop({
        ...{ port: running.port, pids: running.pids, rate, background: [] },
        kinds: [
          { name: 'me', of: 45, connections: cycling(sessions.map(requests.me), 64) },
          { name: 'refresh', of: 4, connections: rotating(requests.refresh, tokens) },
          { name: 'login', of: 1, connections: hashing(logins.map(requests.login), 200, 16) },
        ],
        ...{ warmUp: 1500, measure: run.quick ? 3000 : 10_000 },
      })
    },
  )
  const show = (rounds: OpenLoopResult[], kind: string, key: 'p50' | 'p99') =>
    shown(median(rounds.map(({ kinds }) => kinds[kind]?.[key] ?? Number.NaN)))
  return {
    title: 'A mix: 90 % me, 8 % refresh, 2 % login',
    note: `${rate} requests a second at fixed times, ${rate * 0.02} of them logins. A request counts from its scheduled time. CPU is for all requests, most of it bcrypt. Better Auth has no refresh.`,
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
