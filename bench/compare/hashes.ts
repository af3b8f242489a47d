import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { readUsage, usedBetween } from './usage.ts'

/** Bcrypt hashes a second on as many threads as the service has; the time of one in milliseconds, its CPU time in µs. */
type Measured = { perSecond: number; each: number; threads: number; cpu: number }

export type Hashes = Measured & { disturbed: number }

/** Runs a script in a new process. Returns the message that it sends before it exits. */
const askProcess = async <T>(script: string, args: string[]): Promise<T> => {
  const file = fileURLToPath(new URL(`./${script}`, import.meta.url))
  const child = fork(file, args, { serialization: 'advanced' })
  try {
    const over = new AbortController()
    const answered = once(child, 'message', over).then(([found]) => found as T)
    const gone = once(child, 'exit', over).then((): never => {
      throw new Error(`${script} exited without a result`)
    })
    const found = await Promise.race([answered, gone])
    over.abort()
    await Promise.allSettled([answered, gone])
    return found
  } finally {
    child.kill('SIGKILL')
  }
}

export const measureHashes = async (milliseconds: number): Promise<Hashes> => {
  const before = readUsage([], process.pid)
  const measured = await askProcess<Measured>('hash-process.ts', [String(milliseconds)])
  return { ...measured, disturbed: usedBetween(before, readUsage([], process.pid)).disturbed }
}
