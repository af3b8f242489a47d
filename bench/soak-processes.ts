import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { exited, isRunning, superviseProcess } from '../src/dev-services/supervise-process.ts'

const run = promisify(execFile)

/** The processes that a process has started, by their ids. */
export const childrenOf = async (pid: number): Promise<number[]> => {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid='])
  return stdout
    .trim()
    .split('\n')
    .map(line => line.trim().split(/\s+/).map(Number))
    .flatMap(([own = 0, parent]) => (parent === pid ? [own] : []))
}

/** Resident memory in MB. */
const residentOf = async (pid: number): Promise<number> => {
  const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)]).catch(() => ({ stdout: '0' }))
  return Number(stdout) / 1024
}

const signal = (pids: number[], name: NodeJS.Signals): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch (fault) {
      if ((fault as NodeJS.ErrnoException).code !== 'ESRCH') throw fault
    }
  }
}

/**
 * Stops processes where they are for as long as `wait` takes. Should this process die meanwhile, a shell lets them go
 * on: stopped ones would hear nobody who wants to end them.
 */
export const whileFrozen = async (list: () => Promise<number[]>, wait: () => Promise<void>) => {
  const pids = await list()
  const rescue = spawn('/bin/sh', ['-c', `sleep 30; kill -CONT ${pids.join(' ')}`], {
    detached: true,
    stdio: 'ignore',
  })
  const frozen = new Set<number>()
  try {
    for (const pid of pids) frozen.add(pid)
    signal([...frozen], 'SIGSTOP')
    await wait()
  } finally {
    signal([...frozen], 'SIGCONT')
    process.kill(-(rescue.pid ?? 0), 'SIGKILL')
  }
}

/** In MB; `first` some seconds after a start, `last` at the end of the soak. Heap is null where nobody tells. */
export type Memory = { first: number; most: number; last: number; heap: number | null; starts: number }

export type Process = AsyncDisposable & {
  name: string
  memory: Memory
  pids: () => Promise<number[]>
  start: () => Promise<void>
  /** As a crash would end it. */
  kill: () => Promise<void>
  /** As a supervisor would end it. */
  stop: () => Promise<void>
  measure: () => Promise<void>
}

type Hooks = {
  onDeath: (name: string) => void
  /** Lines that are errors, by their message. */
  onError: (line: string) => void
  /** Requests that were refused since too many passwords waited to be hashed. */
  onBusy: (requestId: string) => void
  onLine: (name: string, line: string) => void
}

/** The message that tells that a process is up. */
const upBy = { api: 'listening', worker: 'waiting for emails' } as const

type Line = { level?: string; msg?: string; request_id?: string; err?: { code?: string } }

const fields = (line: string): Line => {
  try {
    return JSON.parse(line)
  } catch {
    return { level: 'error', msg: 'a line that is no JSON' }
  }
}

const heapOf = async (metricsPort: string | undefined): Promise<number | null> => {
  const reply = await fetch(`http://127.0.0.1:${metricsPort}/metrics`, {
    signal: AbortSignal.timeout(2000),
  }).catch(() => null)
  const found = /^nodejs_heap_size_used_bytes(?:\{.*\})? (\S+)/m.exec((await reply?.text()) ?? '')?.[1]
  return found ? Number(found) / 2 ** 20 : null
}

/** A process of the service, with its own environment, that can be ended in every way and started again. */
export const openProcess = async (
  kind: keyof typeof upBy,
  name: string,
  env: Record<string, string>,
  { onDeath, onError, onBusy, onLine }: Hooks,
): Promise<Process> => {
  const script = fileURLToPath(new URL(`../src/${kind}.ts`, import.meta.url))
  const memory: Memory = { first: 0, most: 0, last: 0, heap: null, starts: 0 }
  let child: ChildProcess | null = null
  let pid = 0
  let endExpected = false

  const measure = async (): Promise<void> => {
    const resident = child && isRunning(child) ? await residentOf(pid) : 0
    if (resident === 0) return
    if (memory.first === 0) memory.first = resident
    memory.most = Math.max(memory.most, resident)
    memory.last = resident
    memory.heap = await heapOf(env.METRICS_PORT)
  }

  const start = async (): Promise<void> => {
    endExpected = false
    memory.first = 0
    memory.starts++
    const started = superviseProcess(script, [], { env, stdout: 'pipe' })
    child = started
    started.once('exit', () => {
      if (!endExpected) onDeath(name)
    })
    started.stdin?.on('error', () => {})
    const lines = createInterface({ input: started.stdout as NodeJS.ReadableStream })
    const up = new Promise<void>(resolve => {
      lines.on('line', line => {
        const { level = '', msg = '', request_id, err } = fields(line)
        onLine(name, line)
        if (msg === upBy[kind]) resolve()
        if (err?.code === 'ERR_HASHER_BUSY' && request_id) onBusy(request_id)
        if (level === 'error' || level === 'fatal') onError(`${kind}: ${msg}`)
      })
    })
    const late = new AbortController()
    const tooLate = sleep(30_000, 'late', { signal: late.signal }).catch(() => 'up')
    const outcome = await Promise.race([
      up.then(() => 'up'),
      once(started, 'exit').then(() => 'ended'),
      tooLate,
    ])
    late.abort()
    if (outcome !== 'up') throw new Error(`${name} did not start: ${outcome}`)
    pid = (await childrenOf(started.pid ?? 0))[0] ?? 0
  }

  const end = async (how: (running: ChildProcess) => void): Promise<void> => {
    endExpected = true
    if (!child || !isRunning(child)) return
    how(child)
    await exited(child)
  }
  const stop = () => end(running => running.stdin?.end())

  await start()
  return {
    ...{ name, memory, start, stop, measure },
    pids: async () => [pid],
    kill: () => end(() => signal([pid], 'SIGKILL')),
    [Symbol.asyncDispose]: stop,
  }
}
