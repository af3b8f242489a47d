import { pressTable } from './figures.ts'
import { type Grown, grow } from './growth-data.ts'
import type { Pressed } from './press.ts'
import { cycling, hashing, patient, rotating, latchkeyWords as words } from './requests.ts'
import { interleaved, type Run, type Section, warmUp } from './run.ts'

type Asked = {
  name: string
  isLong: boolean
  press: (run: Run, grown: Grown, warmUp: number) => Promise<Pressed>
}

const me: Asked = {
  ...{ name: 'GET /auth/me', isLong: false },
  press: (run, { running, sessions }, warmUp) =>
    run.load.press({
      ...running,
      lanes: patient(cycling(sessions.map(words.me), 64)),
      warmUp,
      measure: run.measure,
    }),
}

const refresh: Asked = {
  ...{ name: 'POST /auth/refresh', isLong: false },
  press: async (run, { running, renewals }, warmUp) => {
    if (!words.refresh) throw new Error('nothing is renewed')
    const lanes = rotating(
      words.refresh,
      renewals.map(session => session.refresh),
    )
    const pressed = await run.load.press({ ...running, lanes, warmUp, measure: run.measure })
    pressed.tokens.forEach((token, at) => {
      const session = renewals[at]
      if (session) session.refresh = token
    })
    return pressed
  },
}

const login: Asked = {
  ...{ name: 'POST /auth/login', isLong: true },
  press: (run, { running, logins }, warmUp) => {
    const lanes = hashing(logins.map(words.login), 200, 8)
    return run.load.press({ ...running, lanes, warmUp, measure: run.quick ? 2000 : 6000 })
  },
}

/** What the service costs when it has many people. */
export const measureGrowth = async (run: Run): Promise<Section> => {
  await using stack = new AsyncDisposableStack()
  const all: Grown[] = []
  for (const size of run.quick ? [1e3, 1e5] : [1e3, 1e5, 1e6]) {
    process.stderr.write(`filling the stores for ${size.toLocaleString('en')} people\n`)
    all.push(await grow(run.stores, size, running => stack.use(running)))
  }
  const tables = []
  for (const asked of [me, refresh, login]) {
    const rounds = run.quick ? 1 : Math.min(run.rounds, asked === login ? 2 : 3)
    const results = await interleaved(rounds, all, (grown, round) =>
      asked.press(run, grown, warmUp(run, asked === login ? 1 : round)),
    )
    const told = all.map(grown => ({
      name: `${asked.name}, ${grown.size.toLocaleString('en')}`,
      rounds: results.get(grown) ?? [],
    }))
    tables.push({ isLong: asked.isLong, table: pressTable(told, { isLong: asked.isLong }) })
  }
  const [first] = tables
  // Logins are counted in milliseconds of CPU, and say so in their own line.
  const rows = tables.flatMap(({ isLong, table }) =>
    table.rows.map(row => row.slice(0, 9).map((cell, at) => (isLong && at === 4 ? `${cell} ms` : cell))),
  )
  return {
    title: 'Growing: as many people and sessions in the stores',
    note: 'Each size has a database, a Redis and an API of its own, asked in turn; every user has a session and an event in the audit log, and those who ask are spread over all of them. Ratios are to the smallest.',
    table: { head: first?.table.head.slice(0, 9) ?? [], rows },
    budgets: [],
  }
}
