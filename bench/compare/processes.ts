import { closedLoopTable } from './figures.ts'
import { interleaved } from './interleaved.ts'
import { launch, type Running } from './process.ts'
import { allowRefusals, cycling } from './requests.ts'
import { type Part, type Row, type Run, targetOf, warmUp } from './run.ts'
import { names } from './target.ts'

const connectionCount = 64
const needs = [names.latchkey]

type Cluster = { name: string; running: Running }

const measure = async (run: Run): Promise<Row[]> => {
  await using stack = new AsyncDisposableStack()
  const { launch: start, sessions, requests } = targetOf(run, names.latchkey)
  const clusters: Cluster[] = []
  for (const processes of [1, 2, 4]) {
    // Several processes have a primary that answers no request.
    const processCount = processes === 1 ? 1 : processes + 1
    const env = { ...start.env, API_PROCESSES: String(processes) }
    const running = stack.use(await launch({ ...start, env, processCount }))
    clusters.push({ name: processes === 1 ? '1 process' : `${processes} processes`, running })
  }
  return await interleaved(run, clusters, ({ running }, round) =>
    run.load.closedLoop({
      ...{ port: running.port, pids: running.pids, measure: run.measure },
      connections: allowRefusals(cycling(sessions.map(requests.me), connectionCount)),
      warmUp: warmUp(run, round),
    }),
  )
}

/** The API as one process and as several behind one port. */
export const processes: Part<Row[]> = {
  ...{ needs, measure },
  describe: rows => ({
    title: 'More processes: API_PROCESSES',
    note: `GET /auth/me, ${connectionCount} connections. CPU is that of all processes of the API. The stores and the client share the cores, so this shows the cost of more processes and little of their benefit. The benefit needs a machine with free cores.`,
    table: closedLoopTable(rows),
    budgets: [],
  }),
}
