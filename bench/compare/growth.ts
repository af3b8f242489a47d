import { closedLoopTable, of, pairedRatio, roundsOf, times } from './figures.ts'
import { type Grown, grow } from './growth-data.ts'
import { interleaved } from './interleaved.ts'
import { allowRefusals, cycling, latchkeyRequests as requests } from './requests.ts'
import { rotate } from './rotate.ts'
import { type Budget, type Part, type Row, type Run, warmUp } from './run.ts'

const most = 1.1

type Figures = { sizes: number[]; me: Row[]; refresh: Row[] }

const nameOf = (size: number): string => `${size.toLocaleString('en')} users`

const measure = async (run: Run): Promise<Figures> => {
  await using stack = new AsyncDisposableStack()
  const all: (Grown & { name: string })[] = []
  for (const size of run.quick ? [1e3, 1e5] : [1e3, 1e5, 1e6]) {
    process.stderr.write(`filling the stores for ${nameOf(size)}\n`)
    const grown = await grow(run.stores, size, running => stack.use(running))
    all.push({ ...grown, name: nameOf(size) })
  }
  const me = await interleaved(run, all, ({ running, sessions }, round) =>
    run.load.closedLoop({
      ...{ port: running.port, pids: running.pids },
      connections: allowRefusals(cycling(sessions.map(requests.me), 64)),
      ...{ warmUp: warmUp(run, round), measure: run.measure },
    }),
  )
  const refresh = await interleaved(run, all, ({ running, renewals }, round) =>
    rotate(run, { running, renewals, requests, warmUp: warmUp(run, round), measure: run.measure }),
  )
  return { sizes: all.map(({ size }) => size), me, refresh }
}

/** Compares the largest with the smallest size, by the CPU time of the service and both stores. */
const budget = (name: string, rows: Row[]): Budget => {
  const [first, last] = [rows[0], rows.at(-1)]
  const whole = (row: Row | undefined): number[] =>
    (row?.rounds ?? []).map(({ cpu, redis, postgres }) => cpu + redis + postgres)
  const ratio = pairedRatio(whole(last), whole(first))
  const service = pairedRatio(
    of(roundsOf(rows, last?.name ?? ''), 'cpu'),
    of(roundsOf(rows, first?.name ?? ''), 'cpu'),
  )
  return {
    line: `${name}, cost of a request with ${last?.name}, against ${first?.name}`,
    ...{ wanted: `≤ ${times(most)}`, held: Number.isNaN(ratio) ? null : ratio <= most },
    measured: `${times(service)} by CPU of the service, ${times(ratio)} with both stores`,
  }
}

/** The service with many users. */
export const growth: Part<Figures> = {
  ...{ needs: [], measure },
  describe: ({ me, refresh }) => {
    const named = (path: string, rows: Row[]) =>
      closedLoopTable(rows.map(row => ({ ...row, name: `${path}, ${row.name}` })))
    const tables = [named('GET /auth/me', me), named('POST /auth/refresh', refresh)]
    const head = tables[0]?.head.slice(0, 11) ?? []
    return {
      title: 'Growth: this many users and sessions in the stores',
      note: 'Each size has its own database, Redis database and API; all run at the same time and are measured in turn. Every user has a session and an event in the audit log, and the users that send requests are spread over all of them. Ratios are to the smallest size. The budget is held by the CPU time of the service and both stores.',
      table: { head, rows: tables.flatMap(({ rows }) => rows.map(row => row.slice(0, 11))) },
      budgets: [budget('GET /auth/me', me), budget('POST /auth/refresh', refresh)],
    }
  },
}
