import { median } from '../statistics.ts'
import type { ClosedLoopResult } from './closed-loop.ts'
import { mostBudget, of, roundsOf, shown, spread } from './figures.ts'
import { interleaved } from './interleaved.ts'
import { launch } from './process.ts'
import { cycling, rotating } from './requests.ts'
import { keepTokens } from './rotate.ts'
import { type Part, type Row, type Run, targetsOf } from './run.ts'
import { names, type Target } from './target.ts'
import { residentMegabytes } from './usage.ts'

const needs = [names.latchkey, names.express]
const total = 100_000
/** Connections that refresh, and that read the own account. */
const [refreshing, reading] = [16, 48]

type Loaded = ClosedLoopResult & { start: number; resident: number }

/** Starts a new process, sends all requests at full speed, and reads its memory at once. */
const loadFresh = async (run: Run, target: Target): Promise<Loaded> => {
  const { requests, sessions, renewals } = target
  if (!requests.refresh) throw new Error('the service has no refresh')
  await using running = await launch(target.launch)
  const { port, pids } = running
  const start = residentMegabytes(pids)
  const tokens = renewals.slice(0, refreshing).map(({ refresh }) => refresh)
  const connections = [...rotating(requests.refresh, tokens), ...cycling(sessions.map(requests.me), reading)]
  const job = { port, pids, connections, warmUp: 0, measure: 0, total: run.quick ? total / 10 : total }
  const result = await run.load.rotatingLoop(job, last => keepTokens(renewals, last))
  return { ...result, start, resident: residentMegabytes(pids) }
}

/** Memory of a process after many requests. */
export const memory: Part<Row<Loaded>[]> = {
  needs,
  measure: run => interleaved(run, targetsOf(run, needs), one => loadFresh(run, one)),
  describe: rows => ({
    title: 'Memory after 100,000 requests',
    note: `A new process answers ${total.toLocaleString('en')} requests at full speed: ${reading} connections send GET /auth/me, and ${refreshing} POST /auth/refresh. Resident memory directly after the last answer. CPU is that of the mean request, with the code that is not compiled yet.`,
    table: {
      head: ['', 'CPU µs/req', 'MB when ready', 'MB after', 'spread', 'req/s'],
      rows: rows.map(({ name, rounds }) => {
        const after = rounds.map(({ resident }) => resident)
        return [
          ...[name, shown(median(of(rounds, 'cpu'))), shown(median(rounds.map(({ start }) => start)))],
          ...[shown(median(after)), spread(after), shown(median(of(rounds, 'rate')))],
        ]
      }),
    },
    budgets: [
      mostBudget(
        'resident memory of the API after 100,000 requests',
        200,
        median(roundsOf(rows, names.latchkey).map(({ resident }) => resident)),
        value => `${shown(value)} MB`,
      ),
    ],
  }),
}
