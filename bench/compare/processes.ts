import { availableParallelism } from 'node:os'
import { names } from './contestant.ts'
import { pressTable } from './figures.ts'
import { launch, type Running } from './process.ts'
import { cycling, patient } from './requests.ts'
import { contestantOf, interleaved, type Run, type Section, warmUp } from './run.ts'

const connections = 64

type Cluster = { processes: number; running: Running }

/** The same API as one process and as several behind one port. */
export const measureProcesses = async (run: Run): Promise<Section> => {
  await using stack = new AsyncDisposableStack()
  const { launch: start, sessions, words } = contestantOf(run, names.latchkey)
  const clusters: Cluster[] = []
  for (const processes of run.quick ? [1, 2] : [1, 2, 4]) {
    // One is itself; more have a process above them that serves nothing.
    const family = processes === 1 ? 1 : processes + 1
    const env = { ...start.env, API_PROCESSES: String(processes) }
    clusters.push({ processes, running: stack.use(await launch({ ...start, env, family })) })
  }
  // Those who do not know the setting run as one process, and there is nothing to compare.
  const able = clusters.filter(({ processes, running }) => processes === 1 || running.pids.length > 1)
  const results = await interleaved(run.quick ? 1 : Math.min(run.rounds, 3), able, ({ running }, round) =>
    run.load.press({
      ...{ ...running, lanes: patient(cycling(sessions.map(words.me), connections)), measure: run.measure },
      warmUp: warmUp(run, round),
    }),
  )
  const cores = availableParallelism()
  return {
    title: 'More processes: API_PROCESSES',
    note: `GET /auth/me, ${connections} connections. On ${cores} cores, which the stores and the client that asks share, this shows what more processes cost and little of what they bring: that takes a machine with cores to spare.${able.length === 1 ? ' This version runs as one process only.' : ''}`,
    table: pressTable(
      able.map(one => ({
        name: one.processes === 1 ? '1 process' : `${one.processes} processes`,
        rounds: results.get(one) ?? [],
      })),
    ),
    budgets: [],
  }
}
