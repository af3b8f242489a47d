import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: the name of the program stands in brackets and may itself
// hold spaces and brackets. After it comes field 3, the state. Field 22 is the start of the process, in ticks since boot.
const fromProc = (pid: number): string | null => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // A zombie has exited, and its parent has not read the exit code yet.
  return /^[ZX]/.test(fields[0] ?? '') ? null : (fields[22 - 3] ?? null)
}

// The time zone and language of the terminal must not change how a time is printed.
const psEnvironment = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' }

/** The start time of a process on a system without `/proc`. Exported for its test, which runs on any system. */
export const startTimeByPs = (pid: number): string | null =>
  execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
    encoding: 'utf8',
    env: psEnvironment,
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim() || null

/**
 * The start time of a process, as the system prints it; null if no such process runs. A system reuses the ids of ended
 * processes, so only id and start time together identify a process.
 */
export const processStartTime = (pid: number): string | null => {
  try {
    return existsSync('/proc/self/stat') ? fromProc(pid) : startTimeByPs(pid)
  } catch {
    return null
  }
}
