import { availableParallelism } from 'node:os'
import { closedLoopTable } from './figures.ts'
import { launch, type Running } from './process.ts'
import { allowRefusals, cycling } from './requests.ts'
import { interleaved, type Run, type Section, targetOf, warmUp } from './run.ts'
import { names } from './target.ts'

const connectionCount = 64

type Cluster = { processes: number; running: Running }

/** Measures the API as one process and as several behind one port. */
export const measureProcesses = async (run: Run): Promise<Section> => {
  await using stack = new AsyncDisposableStack()
  const { launch: start, sessions, requests } = targetOf(run, names.latchkey)
  const clusters: Cluster[] = []
  for (const processes of run.quick ? [1, 2] : [1, 2, 4]) {
    // Several processes have a primary that answers no request.
    const processCount = processes === 1 ? 1 : processes + 1
    const env = { ...start.env, API_PROCESSES: String(processes) }
    clusters.push({ processes, running: stack.use(await launch({ ...start, env, processCount })) })
  }
  // An older version ignores API_PROCESSES and runs as one process. Then there is nothing to compare.
  const comparable = clusters.filter(({ processes, running }) => processes === 1 || running.pids.length > 1)
  const results = await interleaved(
    run.quick ? 1 : Math.min(run.rounds, 3),
    comparable,
    ({ running }, round) =>
      run.load.closedLoop({
        ...{
          ...running,
          connections: allowRefusals(cycling(sessions.map(requests.me), connectionCount)),
          measure: run.measure,
        },
        warmUp: warmUp(run, round),
      }),
  )
  const cores = availableParallelism()
  return {
    title: 'More processes: API_PROCESSES',
    note: `GET /auth/me, ${connectionCount} connections. The stores and the client share the ${cores} cores, so this shows the cost of more processes and little of their benefit. The benefit needs a machine with free cores.${comparable.length === 1 ? ' This version runs as one process only.' : ''}`,
    table: closedLoopTable(
      comparable.map(one => ({
        name: one.processes === 1 ? '1 process' : `${one.processes} processes`,
        rounds: results.get(one) ?? [],
      })),
    ),
    budgets: [],
  }
}
