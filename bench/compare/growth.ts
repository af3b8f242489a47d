import type { ClosedLoopResult } from './closed-loop.ts'
import { closedLoopTable } from './figures.ts'
import { type Grown, grow } from './growth-data.ts'
import { allowRefusals, cycling, hashing, latchkeyRequests as requests, rotating } from './requests.ts'
import { interleaved, type Run, type Section, warmUp } from './run.ts'

type Measured = {
  name: string
  isLong: boolean
  closedLoop: (run: Run, grown: Grown, warmUp: number) => Promise<ClosedLoopResult>
}

const me: Measured = {
  ...{ name: 'GET /auth/me', isLong: false },
  closedLoop: (run, { running, sessions }, warmUp) =>
    run.load.closedLoop({
      ...running,
      connections: allowRefusals(cycling(sessions.map(requests.me), 64)),
      warmUp,
      measure: run.measure,
    }),
}

const refresh: Measured = {
  ...{ name: 'POST /auth/refresh', isLong: false },
  closedLoop: async (run, { running, renewals }, warmUp) => {
    if (!requests.refresh) throw new Error('the service has no refresh')
    const connections = rotating(
      requests.refresh,
      renewals.map(session => session.refresh),
    )
    const result = await run.load.closedLoop({ ...running, connections, warmUp, measure: run.measure })
    result.tokens.forEach((token, at) => {
      const session = renewals[at]
      if (session) session.refresh = token
    })
    return result
  },
}

const login: Measured = {
  ...{ name: 'POST /auth/login', isLong: true },
  closedLoop: (run, { running, logins }, warmUp) => {
    const connections = hashing(logins.map(requests.login), 200, 8)
    return run.load.closedLoop({ ...running, connections, warmUp, measure: run.quick ? 2000 : 6000 })
  },
}

/** Measures the service with many users. */
export const measureGrowth = async (run: Run): Promise<Section> => {
  await using stack = new AsyncDisposableStack()
  const all: Grown[] = []
  for (const size of run.quick ? [1e3, 1e5] : [1e3, 1e5, 1e6]) {
    process.stderr.write(`filling the stores for ${size.toLocaleString('en')} users\n`)
    all.push(await grow(run.stores, size, running => stack.use(running)))
  }
  const tables = []
  for (const measured of [me, refresh, login]) {
    const rounds = run.quick ? 1 : Math.min(run.rounds, measured === login ? 2 : 3)
    const results = await interleaved(rounds, all, (grown, round) =>
      measured.closedLoop(run, grown, warmUp(run, measured === login ? 1 : round)),
    )
    const rows = all.map(grown => ({
      name: `${measured.name}, ${grown.size.toLocaleString('en')}`,
      rounds: results.get(grown) ?? [],
    }))
    tables.push({ isLong: measured.isLong, table: closedLoopTable(rows, { isLong: measured.isLong }) })
  }
  const [first] = tables
  // CPU times of logins are in milliseconds, so their cells name the unit.
  const cells = tables.flatMap(({ isLong, table }) =>
    table.rows.map(row => row.slice(0, 9).map((cell, at) => (isLong && at === 4 ? `${cell} ms` : cell))),
  )
  return {
    title: 'Growth: this many users and sessions in the stores',
    note: 'Each size has its own database, Redis and API, measured in turn. Every user has a session and an event in the audit log, and the users that send requests are spread over all of them. Ratios are to the smallest size.',
    table: { head: first?.table.head.slice(0, 9) ?? [], rows: cells },
    budgets: [],
  }
}
