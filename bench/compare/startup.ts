import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { median } from '../statistics.ts'
import { residentMegabytes } from './cpu.ts'
import { shown, spread } from './figures.ts'
import { aPort, type Launch, scriptPath, serves } from './process.ts'
import { interleaved, type Run, type Section, targetOf } from './run.ts'
import { names, type Target } from './target.ts'

type Started = { milliseconds: number; resident: number }

const killed = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** Measures the time from the start of a process until it is ready. */
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
    await killed(child)
  }
}

/** Measures start times and memory. `after` is the memory of a service after all requests so far. */
export const measureStartup = async (run: Run): Promise<Section> => {
  const rounds = run.quick ? 1 : Math.min(run.rounds, 5)
  const results = await interleaved(rounds, run.targets, one => start(one.launch))
  const after = (one: Target) => residentMegabytes(one.running.pids)
  const own = targetOf(run, names.latchkey)
  const took = median((results.get(own) ?? []).map(({ milliseconds }) => milliseconds))
  const least = median((results.get(own) ?? []).map(({ resident }) => resident))
  const most = Math.max(least, after(own))
  return {
    title: 'Start and memory',
    note: 'From the start of the process until it answers: Latchkey until /readyz reports Postgres, Redis and the queue as up, the other services until their first answer of any kind, connected to stores or not. Resident memory half a second later, and of the process measured above after all its requests.',
    table: {
      head: ['', 'ms to ready', 'spread', 'MB after start', 'MB after load'],
      rows: run.targets.map(one => {
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
