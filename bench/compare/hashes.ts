import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Bcrypt hashes a second on as many threads as the service has, and the time of one, in milliseconds. */
export type Hashes = { perSecond: number; each: number; threads: number }

/** Runs a script in a new process. Returns the message that it sends before it exits. */
export const askProcess = async <T>(script: string, args: string[]): Promise<T> => {
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

export const measureHashes = (milliseconds: number): Promise<Hashes> =>
  askProcess('hash-process.ts', [String(milliseconds)])
