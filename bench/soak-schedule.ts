import { setTimeout as sleep } from 'node:timers/promises'
import { askPostgres, askRedis } from '../test/chaos/ask-store.ts'
import type { Counters } from '../test/chaos/counters.ts'
import {
  duplicateJobs,
  first,
  type Hold,
  killProcess,
  lockedUsers,
  mailRefused,
  mailSilent,
  mailStopped,
  pause,
  redisWithoutMemory,
  rollingRestart,
  type System,
  stopServer,
  terminateConnections,
} from '../test/chaos/faults.ts'
import { type FaultSpan, graceMs } from './soak-invariants.ts'

// One fault after another, spread evenly over the soak. Each ends and gets time to recover before the next.

export type Fault = {
  name: string
  title: string
  seconds: number
  /** No request may fail because of it. */
  unnoticed?: boolean
  /** Begins the fault, holds it, and ends it. */
  run: (system: System, hold: Hold) => Promise<unknown>
}

const fault = (name: string, title: string, seconds: number, run: Fault['run']): Fault => ({
  ...{ name, title, seconds, run },
})
const unnoticed = (...given: Parameters<typeof fault>): Fault => ({ ...fault(...given), unnoticed: true })

/** Every fault in its order. Faults that end processes come first, so that the later ones meet processes of some age. */
const faults: Fault[] = [
  fault('api-killed', 'API killed, started again', 3, ({ apis }, hold) => killProcess(first(apis), hold)),
  unnoticed('rolling-restart', 'both API restarted in turn', 0, rollingRestart),
  unnoticed('worker-killed', 'worker killed, started again', 3, ({ workers }, hold) =>
    killProcess(first(workers), hold),
  ),
  unnoticed('script-flush', 'Redis: SCRIPT FLUSH', 0, ({ redis }) =>
    askRedis(redis.url, each => each.script('FLUSH')),
  ),
  fault('redis-kill', 'Redis: CLIENT KILL, all', 0, ({ redis }) =>
    askRedis(redis.url, each => each.client('KILL', 'TYPE', 'normal')),
  ),
  fault('redis-pause', 'Redis: CLIENT PAUSE', 3, async ({ redis }, hold) => {
    await askRedis(redis.url, each => each.client('PAUSE', hold.milliseconds, 'ALL'))
    await hold()
  }),
  fault('redis-frozen', 'Redis: SIGSTOP', 5, ({ redis }, hold) => pause(redis, hold)),
  fault('redis-full', 'Redis: out of memory', 6, redisWithoutMemory),
  fault('redis-stopped', 'Redis stopped, started again', 10, ({ redis }, hold) =>
    stopServer(redis, 'clean', hold),
  ),
  unnoticed('mail-451', 'mail server answers 451', 15, mailRefused),
  unnoticed('mail-tarpit', 'mail server falls silent', 20, mailSilent),
  unnoticed('mail-stopped', 'mail server stopped', 30, mailStopped),
  unnoticed('worker-frozen', 'worker: SIGSTOP', 10, ({ workers }, hold) => pause(first(workers), hold)),
  unnoticed('duplicate-jobs', 'ten jobs for each email', 1, duplicateJobs),
  fault('postgres-kill', 'Postgres: all connections ended', 0, ({ postgres }) =>
    askPostgres(postgres.url, terminateConnections),
  ),
  fault('postgres-locked', 'Postgres: a lock on users', 5, lockedUsers),
  fault('postgres-frozen', 'Postgres: SIGSTOP', 5, ({ postgres }, hold) => pause(postgres, hold)),
  fault('postgres-stopped', 'Postgres stopped at once, started again', 10, ({ postgres }, hold) =>
    stopServer(postgres, 'immediate', hold),
  ),
]

const leadMs = 15_000
/** After a shorter time a failure could belong to either of two faults. */
const quietAtLeastMs = graceMs + 3000

export type Schedule = {
  spans: FaultSpan[]
  /** Whether a fault is active, or about to begin. */
  nearFault: () => boolean
  run: (system: System, signal: AbortSignal) => Promise<void>
}

/** The faults by these names, separated by commas, or all of them. Throws for an unknown name. */
export const selectFaults = (names: string | undefined): Fault[] => {
  const wanted = names?.split(',')
  const unknown = wanted?.filter(name => !faults.some(each => each.name === name)) ?? []
  if (unknown.length > 0)
    throw new Error(
      `unknown fault: ${unknown.join(', ')}. Faults are ${faults.map(({ name }) => name).join(', ')}`,
    )
  return faults.filter(({ name }) => wanted?.includes(name) ?? true)
}

/** Shortens faults if the soak is too short for them, to a fifth at the least. A far too short soak takes longer. */
export const openSchedule = (list: Fault[], totalMs: number, counters: Counters): Schedule => {
  const held = list.reduce((sum, { seconds }) => sum + seconds * 1000, 0)
  const room = totalMs - leadMs - list.length * quietAtLeastMs
  const scale = Math.min(1, Math.max(0.2, room / held))
  const quietMs = Math.max(quietAtLeastMs, (totalMs - leadMs - held * scale) / Math.max(1, list.length))
  const spans: FaultSpan[] = []
  let next = 0
  let active = false
  return {
    spans,
    nearFault: () => active || (next > 0 && next - counters.now() < 3000),
    run: async (system, signal) => {
      next = counters.now() + leadMs
      await sleep(leadMs, null, { signal })
      for (const { title, seconds, unnoticed = false, run } of list) {
        active = true
        const began = counters.now()
        process.stderr.write(`${(began / 1000).toFixed(1)} s  ${title}\n`)
        const milliseconds = Math.round(seconds * scale * 1000)
        const hold = async () => void (await sleep(milliseconds, null, { signal }))
        await run(system, Object.assign(hold, { milliseconds }))
        const ended = counters.now()
        spans.push({ title, unnoticed, began, ended })
        active = false
        next = counters.now() + quietMs
        await sleep(quietMs, null, { signal })
      }
      next = 0
    },
  }
}
