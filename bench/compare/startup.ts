import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { median } from '../statistics.ts'
import { mostBudget, pairedRatio, roundsOf, shown, spread, times } from './figures.ts'
import { interleaved } from './interleaved.ts'
import { aPort, type Launch, scriptPath, serves } from './process.ts'
import { type Part, type Row, targetsOf } from './run.ts'
import { names } from './target.ts'
import { readUsage, residentMegabytes, usedBetween } from './usage.ts'

const needs = [names.latchkey, names.express, names.fastify, names.betterAuthRedis]

/** Milliseconds until it is ready, its CPU time in milliseconds until then, and resident memory in MB. */
type Started = { milliseconds: number; cpu: number; resident: number; disturbed: number }

const killed = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** Measures the time from the start of a process until it is ready. */
const start = async ({ script, env, ready }: Launch): Promise<Started> => {
  const port = await aPort()
  const url = `http://127.0.0.1:${port}`
  const before = readUsage([], process.pid)
  const began = performance.now()
  const child = spawn(process.execPath, [scriptPath(script)], {
    env: { ...env, PORT: port },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const pid = child.pid ?? 0
  const end = () => void child.kill('SIGKILL')
  process.once('exit', end)
  try {
    while (!(await serves(url, ready))) {
      if (child.exitCode !== null || performance.now() - began > 30_000)
        throw new Error(`${script} did not start`)
      await sleep(5)
    }
    const milliseconds = performance.now() - began
    const used = usedBetween(before, readUsage([pid], process.pid))
    await sleep(500)
    const resident = residentMegabytes([pid])
    return { milliseconds, cpu: used.service / 1000, resident, disturbed: used.disturbed }
  } finally {
    process.removeListener('exit', end)
    await killed(child)
  }
}

const all = <K extends keyof Started>(rounds: Started[], key: K): number[] => rounds.map(each => each[key])

/** The time from the start of a process until it is ready, and its memory then. */
export const startup: Part<Row<Started>[]> = {
  needs,
  measure: run => interleaved(run, targetsOf(run, needs), one => start(one.launch)),
  describe: rows => {
    const own = roundsOf(rows, names.latchkey)
    const peer = all(roundsOf(rows, names.express), 'milliseconds')
    return {
      title: 'Start',
      note: 'From the start of the process until it answers: Latchkey until /readyz reports Postgres, Redis and the queue as up, the other services until their first answer of any kind, connected to stores or not. CPU time until then. Resident memory half a second later. This budget compares elapsed time, since a start also waits.',
      table: {
        head: ['', 'CPU ms to ready', 'ms to ready', 'spread', 'MB after start', 'spread'],
        rows: rows.map(({ name, rounds }) => [
          ...[name, shown(median(all(rounds, 'cpu')))],
          ...[shown(median(all(rounds, 'milliseconds'))), spread(all(rounds, 'milliseconds'))],
          ...[shown(median(all(rounds, 'resident'))), spread(all(rounds, 'resident'))],
        ]),
      },
      budgets: [
        mostBudget(
          'API start to ready, against Express',
          1.5,
          pairedRatio(all(own, 'milliseconds'), peer),
          times,
        ),
        mostBudget(
          'resident memory of the API after its start',
          120,
          median(all(own, 'resident')),
          value => `${shown(value)} MB`,
        ),
      ],
    }
  },
}
