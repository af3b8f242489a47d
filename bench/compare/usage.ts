import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

// CPU time of processes, read from /proc. A busy machine changes it far less than elapsed time.

/** Seconds of CPU time since the start of the machine. */
export type Usage = {
  at: number
  service: number
  redis: number
  postgres: number
  /** Of all processes of this run: services, stores, the client, the benchmark itself. */
  run: number
  /** Of all processes that this process can see. */
  visible: number
  /** Of the machine, without interrupts, whose time the kernel also counts for the process that they interrupt. */
  machine: number
  /** Time that the host gave to other virtual machines. */
  steal: number
}

/** CPU time in microseconds in total, and the share of one core that went to other work or to other virtual machines. */
export type Used = { service: number; redis: number; postgres: number; disturbed: number }

/** Linux counts in hundredths of a second on every machine. */
const ticks = 100

type Process = { name: string; parent: number; seconds: number }

/** With the time of its children that have ended: Postgres has one process for each connection. */
const readProcess = (pid: number): Process | null => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name may contain spaces and parentheses, so fields are counted after it. The first one is the state.
    const end = text.lastIndexOf(')')
    const fields = text.slice(end + 2).split(' ')
    const seconds = [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0) / ticks
    return { name: text.slice(text.indexOf('(') + 1, end), parent: Number(fields[1]), seconds }
  } catch {
    return null // It has ended since the folder was listed. Its time is now part of its parent's.
  }
}

const readProcesses = (): Map<number, Process> => {
  const all = new Map<number, Process>()
  for (const name of readdirSync('/proc')) {
    const found = /^\d+$/.test(name) && readProcess(Number(name))
    if (found) all.set(Number(name), found)
  }
  return all
}

const isBelow = (all: Map<number, Process>, pid: number, root: number): boolean => {
  for (let at = pid; at > 1; at = all.get(at)?.parent ?? 0) if (at === root) return true
  return false
}

const machineTimes = (): { machine: number; steal: number } => {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1)
  const [user = 0, nice = 0, system = 0, , , , , steal = 0] = line.trim().split(/\s+/).slice(1).map(Number)
  return { machine: (user + nice + system) / ticks, steal: steal / ticks }
}

/** Reads the CPU times of a service with these processes, and of all descendants of `root`: the processes of this run. */
export const readUsage = (service: readonly number[], root: number): Usage => {
  const all = readProcesses()
  const at = performance.now()
  const usage = { at, service: 0, redis: 0, postgres: 0, run: 0, visible: 0, ...machineTimes() }
  for (const [pid, { name, seconds }] of all) {
    usage.visible += seconds
    if (!isBelow(all, pid, root)) continue
    usage.run += seconds
    if (service.includes(pid)) usage.service += seconds
    if (name === 'redis-server') usage.redis += seconds
    if (name === 'postgres') usage.postgres += seconds
  }
  return usage
}

export const usedBetween = (before: Usage, after: Usage): Used => {
  const over = (key: Exclude<keyof Usage, 'at'>): number => after[key] - before[key]
  const foreign = Math.max(0, over('visible') - over('run'), over('machine') - over('run'))
  const seconds = (after.at - before.at) / 1000
  return {
    ...{ service: over('service') * 1e6, redis: over('redis') * 1e6, postgres: over('postgres') * 1e6 },
    disturbed: Math.min(availableParallelism(), (foreign + over('steal')) / seconds),
  }
}

/** Resident memory of these processes in MB. */
export const residentMegabytes = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8')
    return sum + Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1]) / 1024
  }, 0)
