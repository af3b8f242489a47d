import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

// The CPU time of a process with all its threads. A busy machine changes it far less than elapsed time.

/** Linux counts in hundredths of a second on every machine. */
const ticks = 100

const fromProc = (pid: number): number => {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name may contain spaces and parentheses, so fields are counted after it. The first one is the state.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticks
}

/** `[[days-]hours:]minutes:seconds.hundredths` */
const fromPs = (pid: number): number => {
  const text = execFileSync('ps', ['-o', 'time=', '-p', String(pid)], { encoding: 'utf8' }).trim()
  return text.split(/[-:]/).reduce((sum, part, at, all) => {
    const unit = [1, 60, 3600, 86_400][all.length - 1 - at] ?? 0
    return sum + Number(part) * unit
  }, 0)
}

/** Seconds of user and system time of these processes. */
export const cpuSeconds = (pids: number[]): number =>
  pids.reduce((sum, pid) => sum + (process.platform === 'linux' ? fromProc(pid) : fromPs(pid)), 0)

/** Resident memory of these processes in MB. */
export const residentMegabytes = (pids: number[]): number =>
  pids.reduce(
    (sum, pid) =>
      sum + Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024,
    0,
  )
