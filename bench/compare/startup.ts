import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { median } from '../statistics.ts'
import { type Contestant, names } from './contestant.ts'
import { residentMegabytes } from './cpu.ts'
import { shown, spread } from './figures.ts'
import { aPort, type Launch, scriptPath, serves } from './process.ts'
import { contestantOf, interleaved, type Run, type Section } from './run.ts'

type Started = { milliseconds: number; resident: number }

const gone = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** From the moment that a process is asked for until it says that it is ready. */
const start = async ({ script, env, ready }: Launch): Promise<Started> => {
  const port = await aPort()
  const url = `http://127.0.0.1:${port}`
  const began = performance.now()
  const child = spawn(process.execPath, [scriptPath(script)], {
    env: { ...env, PORT: port },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const end = () => void child.kill('SIGKILL')
  process.once('exit', end)
  try {
    while (!(await serves(url, ready))) {
      if (child.exitCode !== null || performance.now() - began > 30_000)
        throw new Error(`${script} did not start`)
      await sleep(5)
    }
    const milliseconds = performance.now() - began
    await sleep(500)
    return { milliseconds, resident: residentMegabytes([child.pid ?? 0]) }
  } finally {
    process.removeListener('exit', end)
    await gone(child)
  }
}

/** `after` is what each of them holds by now, with everything that was asked of it so far. */
export const measureStartup = async (run: Run): Promise<Section> => {
  const rounds = run.quick ? 1 : Math.min(run.rounds, 5)
  const results = await interleaved(rounds, run.contestants, one => start(one.launch))
  const after = (one: Contestant) => residentMegabytes(one.running.pids)
  const own = contestantOf(run, names.latchkey)
  const took = median((results.get(own) ?? []).map(({ milliseconds }) => milliseconds))
  const least = median((results.get(own) ?? []).map(({ resident }) => resident))
  const most = Math.max(least, after(own))
  return {
    title: 'Starting, and memory',
    note: 'From the start of the process until it answers; Latchkey when /readyz says that Postgres, Redis and queue are there, the others at their first answer of any kind, connected or not. Resident memory half a second later, and of the process that was measured above, after everything that was asked of it.',
    table: {
      head: ['', 'ms to ready', 'spread', 'MB after start', 'MB after load'],
      rows: run.contestants.map(one => {
        const started = results.get(one) ?? []
        const milliseconds = started.map(each => each.milliseconds)
        const resident = median(started.map(each => each.resident))
        return [
          one.name,
          shown(median(milliseconds)),
          spread(milliseconds),
          shown(resident),
          shown(after(one)),
        ]
      }),
    },
    budgets: [
      { line: 'API start to ready', wanted: '≤ 1,000 ms', measured: `${shown(took)} ms`, held: took <= 1000 },
      {
        line: 'resident memory of the API',
        ...{ wanted: '≤ 160 MB', held: most <= 160 },
        measured: `${shown(least)} MB after start, ${shown(after(own))} MB after load`,
      },
    ],
  }
}
