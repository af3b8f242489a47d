import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: the program's name, in brackets, may itself hold blanks
// and brackets. After it come the state, which is field 3, and the others. Field 22 counts ticks since the boot.
const fromProc = (pid: number): string | null => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // A zombie has ended: only its parent has not asked for its exit code yet.
  return /^[ZX]/.test(fields[0] ?? '') ? null : (fields[22 - 3] ?? null)
}

// A time zone or a language of one terminal must not make the same time look like another one.
const psEnvironment = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' }

/** The start of a process on a system without `/proc`. Exported for its test, which runs on any system. */
export const startByPs = (pid: number): string | null =>
  execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
    encoding: 'utf8',
    env: psEnvironment,
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim() || null

/**
 * When a process began, in the words of the system; null where no such process runs. A system gives the number of an
 * ended process to a new one, so a number names a process only together with this.
 */
export const processStart = (pid: number): string | null => {
  try {
    return existsSync('/proc/self/stat') ? fromProc(pid) : startByPs(pid)
  } catch {
    return null
  }
}
