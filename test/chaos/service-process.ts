import { type ChildProcess, execFile } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { exited, isRunning, superviseProcess } from '../../src/dev-services/supervise-process.ts'
import { readyMessage } from './processes.ts'
import { freeze } from './server-process.ts'

const run = promisify(execFile)

/** The ids of the processes that a process has started. */
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

/** In MB; `first` some seconds after a start, `last` at the end of the run. Heap is null if it is unknown. */
export type Memory = { first: number; most: number; last: number; heap: number | null; starts: number }

export type ServiceProcess = AsyncDisposable & {
  name: string
  memory: Memory
  start: () => Promise<void>
  /** Ends it as a crash does. */
  kill: () => Promise<void>
  /** Ends it as a supervisor does. */
  stop: () => Promise<void>
  pause: () => Promise<void>
  resume: () => Promise<void>
  measure: () => Promise<void>
}

type Hooks = {
  onUnexpectedExit: (name: string) => void
  /** An error line of the log, by its message. */
  onError: (line: string) => void
  /** A request that was refused because too many passwords waited to be hashed. */
  onBusy: (requestId: string) => void
  onLine: (name: string, line: string) => void
}

type Line = { level?: string; msg?: string; request_id?: string; err?: { code?: string } }

const fields = (line: string): Line => {
  try {
    return JSON.parse(line)
  } catch {
    return { level: 'error', msg: 'a line that is not JSON' }
  }
}

const heapOf = async (metricsPort: string | undefined): Promise<number | null> => {
  const reply = await fetch(`http://127.0.0.1:${metricsPort}/metrics`, {
    signal: AbortSignal.timeout(2000),
  }).catch(() => null)
  const found = /^nodejs_heap_size_used_bytes(?:\{.*\})? (\S+)/m.exec((await reply?.text()) ?? '')?.[1]
  return found ? Number(found) / 2 ** 20 : null
}

/** Starts a process of the service that can be stopped, killed, paused and started again. */
export const openServiceProcess = async (
  kind: keyof typeof readyMessage,
  name: string,
  env: Record<string, string>,
  { onUnexpectedExit, onError, onBusy, onLine }: Hooks,
): Promise<ServiceProcess> => {
  const script = fileURLToPath(new URL(`../../src/${kind}.ts`, import.meta.url))
  const memory: Memory = { first: 0, most: 0, last: 0, heap: null, starts: 0 }
  let child: ChildProcess | null = null
  let pid = 0
  let exitExpected = false
  let unfreeze = async () => {}

  const measure = async (): Promise<void> => {
    const resident = child && isRunning(child) ? await residentOf(pid) : 0
    if (resident === 0) return
    if (memory.first === 0) memory.first = resident
    memory.most = Math.max(memory.most, resident)
    memory.last = resident
    memory.heap = await heapOf(env.METRICS_PORT)
  }

  const start = async (): Promise<void> => {
    exitExpected = false
    memory.first = 0
    memory.starts++
    const started = superviseProcess(script, [], { env, stdout: 'pipe' })
    child = started
    started.once('exit', () => {
      if (!exitExpected) onUnexpectedExit(name)
    })
    started.stdin?.on('error', () => {})
    const lines = createInterface({ input: started.stdout as NodeJS.ReadableStream })
    const ready = new Promise<void>(resolve => {
      lines.on('line', line => {
        const { level = '', msg = '', request_id, err } = fields(line)
        onLine(name, line)
        if (msg === readyMessage[kind]) resolve()
        if (err?.code === 'ERR_HASHER_BUSY' && request_id) onBusy(request_id)
        if (level === 'error' || level === 'fatal') onError(`${kind}: ${msg}`)
      })
    })
    const timer = new AbortController()
    const timeout = sleep(30_000, 'timeout', { signal: timer.signal }).catch(() => 'ready')
    const outcome = await Promise.race([
      ready.then(() => 'ready'),
      once(started, 'exit').then(() => 'exited'),
      timeout,
    ])
    timer.abort()
    if (outcome !== 'ready') throw new Error(`${name} did not start: ${outcome}`)
    pid = (await childrenOf(started.pid ?? 0))[0] ?? 0
  }

  const end = async (how: (running: ChildProcess) => void): Promise<void> => {
    exitExpected = true
    if (!child || !isRunning(child)) return
    how(child)
    await exited(child)
  }
  const stop = () => end(running => running.stdin?.end())

  await start()
  return {
    ...{ name, memory, start, stop, measure },
    kill: () => end(() => process.kill(pid, 'SIGKILL')),
    pause: async () => {
      unfreeze = await freeze(pid)
    },
    resume: () => unfreeze(),
    [Symbol.asyncDispose]: stop,
  }
}
